"""What counts as older than a removal, and is ended by it; what is newer is never touched. Pure.

An attempt to link has two times: when the auth site issued its token, by the auth site's clock, and when the person
clicked, by ours. A removal sets a limit to each. See docs/explanation/link-lifecycle.md.
"""

from dataclasses import dataclass

from chalicelib.messages import MAX_CLOCK_SKEW


@dataclass(frozen=True, slots=True)
class Cutoff:
    """Attempts whose token was issued at `tokens` or before, or that were opened before `clicks`, are older.

    Epoch seconds; 0 bars nothing.
    """

    tokens: float = 0.0
    clicks: float = 0.0

    def bars(self, issued_at: float, opened_at: float | None) -> bool:
        """Is an attempt with these times older? `opened_at` is None for attempts that an older version opened."""
        return issued_at <= self.tokens or (opened_at is not None and opened_at < self.clicks)

    def joined_with(self, other: "Cutoff") -> "Cutoff":
        """The cutoff that bars what either of the two bars."""
        return Cutoff(max(self.tokens, other.tokens), max(self.clicks, other.clicks))


NO_CUTOFF = Cutoff()


def of_change(changed_at: int) -> Cutoff:
    """The cutoff of a removal that the auth site dated itself, in epoch milliseconds.

    Tokens have whole seconds: one of the same second counts as older, since in doubt nobody is let in.
    """
    return Cutoff(tokens=changed_at / 1000)


def of_message(sent_at: float) -> Cutoff:
    """The cutoff of a removal of which only our clock knows when it was sent: the auth site's may be ahead."""
    return Cutoff(tokens=sent_at + MAX_CLOCK_SKEW, clicks=sent_at)


def of_person(token_issued_at: float, confirmed_at: float) -> Cutoff:
    """The cutoff of an unlinking by the person, who may link again at once, and clicks again for it."""
    return Cutoff(tokens=token_issued_at - 1, clicks=confirmed_at)
