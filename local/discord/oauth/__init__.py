"""Discord's OAuth2: the authorise page, codes and tokens."""
