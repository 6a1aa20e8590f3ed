"""What the auth site's tokens are for."""

from enum import StrEnum


class Purpose(StrEnum):
    """What a token allows."""

    LINK = "link"
    UNLINK = "unlink"
    ADD_BOT = "add_bot"
    READ = "read"
    ME = "me"
    ADMIN = "admin"
