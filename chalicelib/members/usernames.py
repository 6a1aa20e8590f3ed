"""Discord usernames, wherever a member is looked at."""

from chalicelib.discord.models import Account
from chalicelib.services import Services
from chalicelib.store import users
from chalicelib.store.users import User


def renew_username(services: Services, user: User, account: Account) -> None:
    """Store the username if it is a new one, and tell the auth site if that changed what is shown.

    An imported link may lack a part of the name; to learn it is no change. Told first: a notice twice is better than
    none.
    """
    if user.link is None or account == user.link.account:
        return
    before = user.link.account.shown
    if before and before != account.shown:
        services.notices.username_changed(user.user_id, account.id, account.shown, now=services.now())
    users.rename(user, account)
