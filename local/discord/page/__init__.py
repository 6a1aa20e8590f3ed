"""The local Discord's own page, on which a person does by hand what moderators and bad days do to a guild."""
