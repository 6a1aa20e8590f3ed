"""What a stage consists of in AWS: from app.py, the configuration and the data stack."""

import ast
import json
import re
from pathlib import Path
from typing import Any

from chalice.app import ScheduledEventConfig, SQSEventConfig

import app
from chalicelib import settings
from tools.reference.markdown import code, table

ROOT = Path(__file__).resolve().parents[2]
WEB = "api_handler"  # what Chalice calls the function that answers all routes
QUEUES = {
    "jobs": "what the auth site asks for; whatever a person waits for",
    "bulk": "the steps of sweeps, and the members that they found to differ; Rolecall's own",
    "dead-letters": "messages that could not be processed, with the reason",
    "notices": "what the auth site should know",
}
DATA_STACK = (ROOT / ".chalice" / "data-stack.yaml").read_text()
QUEUE = re.compile(r'QueueName: !Sub "rolecall-\$\{Stage\}-([a-z-]+)"\s+MessageRetentionPeriod: (\d+)')
TABLE = re.compile(r'^  \w+Table:  # (.*)\n(?:.*\n)+?.*TableName: !Sub "rolecall-\$\{Stage\}-(\w+)"', re.MULTILINE)
DAY = 86_400  # seconds
DOCSTRINGS = {
    node.name: ast.get_docstring(node) or ""
    for node in ast.parse((ROOT / "app.py").read_text()).body
    if isinstance(node, ast.FunctionDef)
}


def functions() -> str:
    """Every function: its name, what calls it, what it does, its memory and time."""
    sizes = json.loads((ROOT / ".chalice" / "config.json").read_text())["stages"]["prod"]
    rows = [("rolecall-<stage>", "API Gateway", "answers all [routes](contract.md#routes)", *_size(sizes, WEB))]
    for name, trigger, about in _functions():
        rows.append((f"rolecall-<stage>-{name}", trigger, about, *_size(sizes, name)))
    shown = [(code(name), *rest) for name, *rest in rows]
    return table(("function", "called by", "what it does", "memory, MB", "time-out, s"), shown)


def tasks() -> str:
    """The functions that a person may invoke."""
    rows = [(code(one.name), _doc(one.name)) for one in app.app.pure_lambda_functions]
    return table(("task", "what it does"), rows)


def queues() -> str:
    """Every queue of the data stack. Raises LookupError for one that nobody has described."""
    found = {name: int(seconds) // DAY for name, seconds in QUEUE.findall(DATA_STACK)}
    if set(found) != set(QUEUES):
        raise LookupError(f"tools/reference/resources.py and the data stack differ in {set(found) ^ set(QUEUES)}")
    rows = [(code(f"rolecall-<stage>-{name}"), about, f"{found[name]} days") for name, about in QUEUES.items()]
    return table(("queue", "what is in it", "kept for"), rows)


def tables() -> str:
    """Every table of the data stack, with its comment there."""
    return table(
        ("table", "what is in it"),
        [(code(f"rolecall-<stage>-{name}"), about) for about, name in TABLE.findall(DATA_STACK)],
    )


def _functions() -> list[tuple[str, str, str]]:
    found = []
    for source in app.app.event_sources:
        if isinstance(source, SQSEventConfig):
            queue = str(source.queue).replace(f"-{settings.stage()}-", "-<stage>-")
            found.append((source.name, f"queue {code(queue)}", _doc(source.name)))
        elif isinstance(source, ScheduledEventConfig):
            found.append((source.name, f"schedule {code(str(source.schedule_expression))}", _doc(source.name)))
    found += [
        (one.name, "a person: see [tasks](commands.md#tasks)", _doc(one.name)) for one in app.app.pure_lambda_functions
    ]
    return found


def _doc(name: str) -> str:
    """What the docstring of a function of app.py says; Chalice's wrappers hide it."""
    return " ".join(DOCSTRINGS[name].split())


def _size(stage: dict[str, Any], function: str) -> tuple[str, str]:
    own = stage["lambda_functions"].get(function, {})
    return tuple(str(own.get(name, stage[name])) for name in ("lambda_memory_size", "lambda_timeout"))  # type: ignore[return-value]
