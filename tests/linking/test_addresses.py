"""Addresses at Discord, beside what oauthlib makes of the same."""

import pytest
from oauthlib.oauth2 import WebApplicationClient

from chalicelib.linking.addresses import challenge_of, verifier_of


@pytest.mark.parametrize("state", ["a-state", "", "ä" * 40])
def test_the_challenge_is_the_one_that_oauthlib_makes(state: str) -> None:
    verifier = verifier_of(state, "a secret of the auth site, long enough")
    assert challenge_of(verifier) == WebApplicationClient("1").create_code_challenge(verifier, "S256")


def test_the_challenge_of_the_example_in_rfc_7636() -> None:
    assert (
        challenge_of("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk") == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
    )  # appendix B
