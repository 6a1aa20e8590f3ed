"""The routes of Discord's API v10."""
