"""What a person reads who cannot be linked: "set up wrongly" only where it is.

`/users/@me` answers a fresh, valid token 401 for single people, at random (discord-api-docs#6769).
"""

import pytest

from local.simulated import World
from tests.faults.support import before, outcome, refusal


@pytest.mark.parametrize(
    ("method", "path", "status", "body", "expected"),
    [
        pytest.param("POST", "/oauth2/token", 400, {"error": "invalid_grant"}, {"expired"}, id="an old code"),
        pytest.param("POST", "/oauth2/token", 401, {"error": "invalid_client"}, {"misconfigured"}, id="a wrong secret"),
        pytest.param(
            "GET",
            "/users/@me",
            401,
            {"message": "401: Unauthorized", "code": 0},
            {"expired", "discord_unavailable"},
            id="the person's own token",
        ),
    ],
)
def test_a_refusal_names_the_one_whose_fault_it_is(
    world: World, method: str, path: str, status: int, body: dict[str, object], expected: set[str]
) -> None:
    before(world, lambda r: refusal(status, body) if r.method == method and r.path.endswith(path) else None)
    assert outcome(world, "101", "kira", groups=["Member"]) in expected
