"""Which role stands for which group, as all workers remember it in the store.

Discord shows a renamed role under its new name only: what is remembered here tells for which group it stood before.
"""

from dataclasses import replace

from chalicelib.discord.models import Guild
from chalicelib.members.roles import merge_role_ids
from chalicelib.store.guild import GuildMemory, StoredRoles

MAX_ATTEMPTS = 5  # to store a role while other workers store theirs; a role that is missed is stored at its next match


class GroupRoles:
    """The roles of groups; `stored` is what the store held when it was read or written last."""

    def __init__(self, memory: GuildMemory, *, known_only: bool) -> None:
        self._memory = memory
        self._known_only = known_only
        self.stored = StoredRoles()

    @property
    def by_name(self) -> dict[str, int]:
        """The role that stood for each group when it was last matched."""
        return self.stored.by_name

    def read(self) -> None:
        """Read them from the store."""
        self.stored = self._memory.roles()

    def remember(self, role_by_group: dict[str, int], guild: Guild | None) -> None:
        """Store which role stands for which group. Workers that do so at the same time lose nothing of each other.

        Roles that are not in `guild`, where it is known, are forgotten on the way.
        """
        if self._known_only:
            self._remember_known(frozenset(role_by_group.values()))
        # What the map says is stored already, and a group that is unmapped finds the role that it had before.
        by_name = {name: role_id for name, role_id in role_by_group.items() if name not in self.stored.role_map}
        if merge_role_ids(self.stored.by_name, by_name) == self.stored.by_name:
            return
        for _ in range(MAX_ATTEMPTS):
            stored = self._memory.roles()
            there = {name: role_id for name, role_id in stored.by_name.items() if not guild or role_id in guild.by_id}
            merged = merge_role_ids(there, by_name)
            self.stored = replace(stored, by_name=merged)
            if merged == stored.by_name or self._memory.keep_role_ids(merged, stored.by_name):
                return

    def _remember_known(self, role_ids: frozenset[int]) -> None:
        for _ in range(MAX_ATTEMPTS):
            if role_ids <= self.stored.ever_known:
                return
            stored = self._memory.roles()
            known = stored.ever_known | role_ids
            if known == stored.ever_known or self._memory.keep_ever_known(known, stored.ever_known):
                self.stored = replace(stored, ever_known=known)
                return

    def forget_unused(self, in_use: frozenset[int]) -> None:
        """Forget that other roles than these ever stood for a group: nobody holds them, no group states them.

        What the operator mapped stays. What is stated again is known again.
        """
        for _ in range(MAX_ATTEMPTS):
            stored = self._memory.roles()
            by_name = {name: role_id for name, role_id in stored.by_name.items() if role_id in in_use}
            known = stored.ever_known & in_use
            named = by_name == stored.by_name or self._memory.keep_role_ids(by_name, stored.by_name)
            if named and (known == stored.ever_known or self._memory.keep_ever_known(known, stored.ever_known)):
                self.stored = replace(stored, by_name=by_name, ever_known=known)
                return
