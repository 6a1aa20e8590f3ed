"""A linked user changes their account, and the connection breaks before the new account has joined.

Either the new account is in, or the user still has the old one: never neither.
"""

from local.simulated import World
from tests.faults.support import outcome
from tests.members.support import fault, linked


def test_a_user_whose_change_of_account_is_cut_short_keeps_one_account() -> None:
    world = World()
    world.guild.add_person("ben")
    world.link("1", "anna", groups=["Member"])
    world.run(seconds=600)
    world.clock.advance(600)
    world.site.notices()
    world.guild.inject(fault(kind="cut", method="PUT", path="/members/", times=2))
    outcome(world, "1", "ben", groups=["Member"])
    world.run(seconds=7200)
    assert linked(world, "1")
    assert {"anna": world.roles("anna"), "ben": world.roles("ben")} in (
        {"anna": {"Member"}, "ben": None},
        {"anna": None, "ben": {"Member"}},
    )
