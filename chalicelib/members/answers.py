"""What Discord made of a change: its answer compared with what was asked. Pure.

Discord answers a PATCH with the member as stored. An unknown role id is left out, a nickname is stored sanitised, or as
null where it equals the username, and a role has been seen to stay although the answer was a success
(discord-api-docs#6074). A PUT or DELETE of a single role answers 204, which says nothing.
"""

from dataclasses import dataclass, replace
from unicodedata import category

from chalicelib.discord.models import Answers, Member, NicknameAnswer
from chalicelib.members.plan import NICKNAME_REFUSED, ROLE_UNCHANGED, Change, nickname_of
from chalicelib.problems import NO_PROBLEMS, Problems


@dataclass(frozen=True, slots=True)
class Written:
    """What came of a change of a member.

    `done`: what was made of it. `problems`: what is left, and no retry can fix. `nickname`: what Discord made of the
    nickname, if not what was asked. `undone`: roles whose change Discord accepted and did not make. `unseen`: roles
    taken by a request whose answer does not show the member.
    """

    done: Change
    problems: Problems = NO_PROBLEMS
    nickname: NicknameAnswer | None = None
    undone: frozenset[int] = frozenset()
    unseen: frozenset[int] = frozenset()

    @property
    def as_asked(self) -> bool:
        """Whether nothing is worth a second request."""
        return not self.undone and not (self.nickname and self.nickname.refused)

    def then(self, later: "Written") -> "Written":
        """The whole of two changes of one member, of which the later one was planned after the other."""
        done = replace(
            later.done,
            give=self.done.give | later.done.give,
            take=self.done.take | later.done.take,
            nickname=later.done.nickname or self.done.nickname,
            stuck=self.done.stuck | later.done.stuck,
        )
        return Written(
            done,
            self.problems | later.problems,
            later.nickname or self.nickname,
            self.undone | later.undone,
            self.unseen | later.unseen,
        )

    def answers_after(self, before: Answers) -> Answers:
        """What is to be remembered of the member, given what was."""
        kept = before.nickname if self.done.nickname is None else None
        undone = {role_id: before.undone.get(role_id, 0) + 1 for role_id in self.undone}
        stuck = {role_id: before.undone[role_id] for role_id in self.done.stuck if role_id in before.undone}
        return Answers(self.nickname or kept, stuck | undone)


def written(member: Member, change: Change, answer: Member | None) -> Written:
    """What came of `change`, which was asked for `member`; `answer` is the member then, None if that was not told."""
    if answer is None:
        return Written(change, change.problems, unseen=change.take)
    undone = (change.take & answer.roles) | (change.give - answer.roles)
    done = replace(change, give=change.give & answer.roles, take=change.take - answer.roles)
    problems = change.problems | {ROLE_UNCHANGED} if undone else change.problems
    if change.nickname is None or nickname_of(answer.nick) == change.nickname:
        return Written(done, problems, undone=undone)
    made = _nickname_made(member, change.nickname, answer)
    done = replace(done, nickname=None if made.refused else answer.nick)
    problems = problems | {NICKNAME_REFUSED} if made.refused else problems
    return Written(done, problems, made, undone)


def visible(name: str) -> str:
    """The name without characters that nobody sees, as Discord stores it (Unicode's category Cf)."""
    return "".join(sign for sign in name if category(sign) != "Cf")


def _nickname_made(member: Member, asked: str, answer: Member) -> NicknameAnswer:
    """What Discord made of the nickname. Null is what it makes of the username, and it leaves out invisible characters;
    otherwise unchanged means unheard.
    """
    made = (answer.nick is None and asked == answer.user.username) or visible(asked) == visible(answer.nick or "")
    unheard = answer.nick == member.nick and not made
    return NicknameAnswer(asked, answer.nick, refused=unheard)
