"""Which versions of the functions were deployed, on record in the bucket: what a rollback goes back to."""

import json
from dataclasses import asdict

from deploy.bucket import Bucket, Version

KEPT = 5  # versions of a stage; by age it could not be said: what runs may be years old
VERSIONS = "versions.json"
ROLLED_BACK = "rolled-back.json"  # the template that a rollback puts back, until the person was told that it did


class History:
    """The versions of one stage."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    def versions(self) -> list[Version]:
        """What was deployed, the latest last."""
        said = self._bucket.read(VERSIONS)
        return [Version(**one) for one in json.loads(said)] if said else []

    def deployed(self, version: Version) -> None:
        """Put on record that `version` is what runs now; what is older than some versions is deleted."""
        self.told()
        known = self.versions()
        if version in known[-1:]:
            return
        kept, dropped = [*known, version][-KEPT:], [*known, version][:-KEPT]
        self._record(kept)
        self._delete(dropped, kept)

    def going_back_to(self, version: Version) -> None:
        """Put on record that a rollback has begun."""
        self._bucket.write(ROLLED_BACK, json.dumps(version.template).encode())

    def forget_latest(self) -> None:
        """The version before the latest runs now. The record comes last: once it is written, a further rollback goes
        one version further back, but for one that only finds out that this one was done.
        """
        known = self.versions()
        self._delete(known[-1:], known[:-1])
        self._record(known[:-1])

    def went_back_to(self, template: str) -> bool:
        """Was `template`, which runs, put back by a rollback that was killed before it told anybody?"""
        said, known = self._bucket.read(ROLLED_BACK), self.versions()
        return bool(said and known and json.loads(said) == known[-1].template == template)

    def told(self) -> None:
        """The person knows what a rollback did."""
        self._bucket.delete(self._bucket.key(ROLLED_BACK))

    def _record(self, kept: list[Version]) -> None:
        self._bucket.write(VERSIONS, json.dumps([asdict(one) for one in kept]).encode())

    def _delete(self, dropped: list[Version], kept: list[Version]) -> None:
        needed = {key for one in kept for key in asdict(one).values()}
        for key in {key for one in dropped for key in asdict(one).values()} - needed:
            self._bucket.delete(key)
