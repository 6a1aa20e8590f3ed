"""What fills the generated blocks of the pages, and which whole files are generated."""

import json
import re
from collections.abc import Callable
from pathlib import Path

from tools.reference import alarms, commands, contract, http, logs, resources, settings

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docs" / "reference"
BLOCK = re.compile(r"<!-- generated: (?P<name>[\w-]+) -->\n.*?<!-- end -->", re.DOTALL)
BLOCKS: dict[str, Callable[[], str]] = {
    "account": http.account,
    "alarm-texts": alarms.texts,
    "alarms": alarms.alarms,
    "claims": contract.claims,
    "claims-example": contract.claims_example,
    "contents-commands": commands.contents,
    "deploy": commands.deployment,
    "events": logs.events,
    "functions": resources.functions,
    "local": commands.local_commands,
    "make": commands.make,
    "make-variables": commands.make_variables,
    "message-examples": contract.messages_in_full,
    "message-fields": contract.message_fields,
    "messages": contract.messages,
    "metrics": logs.all_metrics,
    "notice-examples": contract.notices_in_full,
    "notice-fields": contract.notice_fields,
    "notices": contract.notices,
    "ops": commands.ops,
    "problems": contract.problems,
    "purposes": contract.purposes,
    "queues": resources.queues,
    "reasons": contract.reasons,
    "routes": http.routes,
    "schedules": settings.schedules,
    "settings": settings.all_settings,
    "tables": resources.tables,
    "tasks": resources.tasks,
}
FILES: dict[str, Callable[[], object]] = {
    "messages.schema.json": contract.messages_schema,
    "notices.schema.json": contract.notices_schema,
    "openapi.json": http.openapi,
    "token-claims.schema.json": contract.claims_schema,
}


def everything() -> dict[Path, str]:
    """What every page with generated blocks, and every generated file, should hold."""
    pages = {path: fill(path.read_text()) for path in sorted(FOLDER.glob("*.md"))}
    files = {FOLDER / name: json.dumps(make(), indent=2, ensure_ascii=False) + "\n" for name, make in FILES.items()}
    return pages | files


def fill(page: str) -> str:
    """The page with its blocks as they should be now. Raises KeyError for a block of an unknown name."""

    def made(found: re.Match[str]) -> str:
        name = found["name"]
        return f"<!-- generated: {name} -->\n{BLOCKS[name]()}\n<!-- end -->"

    return BLOCK.sub(made, page)
