"""What the template of tables and queues says, as the deployment reads it."""

import json

from cfnlint.decode import decode  # type: ignore[import-untyped] # it ships none

from deploy.kept import QUEUE, TABLE, parts, template
from deploy.project import ROOT


def test_the_template_is_read_as_cloudformation_reads_it() -> None:
    decoded, _ = decode(str(ROOT / ".chalice" / "data-stack.yaml"))
    assert json.loads(json.dumps(template(ROOT), default=str)) == json.loads(json.dumps(decoded, default=str))


def test_every_table_and_queue_is_known_by_its_name_in_aws() -> None:
    found = parts("x-1", ROOT)
    names = {kind: {part.name for part in found if part.kind == kind} for kind in (TABLE, QUEUE)}
    assert {"rolecall-x-1-users", "rolecall-x-1-accounts", "rolecall-x-1-audit"} <= names[TABLE]
    assert names[QUEUE] == {f"rolecall-x-1-{queue}" for queue in ("jobs", "bulk", "dead-letters", "notices")}
