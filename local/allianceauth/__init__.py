"""A real Alliance Auth with the app of `auth_sites/allianceauth`, beside all of Rolecall."""
