"""The template of what a stage keeps: its tables and queues, by name."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

TEMPLATE = Path(".chalice", "data-stack.yaml")
TABLE, QUEUE = "AWS::DynamoDB::Table", "AWS::SQS::Queue"

Json = dict[str, Any]


@dataclass(frozen=True)
class Part:
    """A table or queue of the template: what it is called there, and in AWS."""

    logical: str
    kind: str
    name: str


def parts(stage: str, root: Path) -> list[Part]:
    """All tables and queues of the template."""
    found = []
    for logical, made in template(root)["Resources"].items():
        name = made["Properties"].get({TABLE: "TableName", QUEUE: "QueueName"}.get(made["Type"], ""))
        if name:
            found.append(Part(logical, made["Type"], name["Fn::Sub"].replace("${Stage}", stage)))
    return found


def template(root: Path) -> Json:
    """The template, its short forms (`!Sub`) written out."""
    plain: Json = yaml.load((root / TEMPLATE).read_text(), _Short)  # noqa: S506 - a safe loader, with CloudFormation's tags
    return plain


class _Short(yaml.SafeLoader):
    """Reads CloudFormation's short forms as what they stand for."""


def _written_out(loader: _Short, tag: str, node: yaml.Node) -> Json:
    if isinstance(node, yaml.ScalarNode):
        said: Any = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        said = loader.construct_sequence(node, deep=True)
    else:
        said = loader.construct_mapping(node, deep=True)  # type: ignore[arg-type]  # a mapping: there is no other
    if tag == "GetAtt":
        said = said.split(".")
    return {tag if tag in ("Ref", "Condition") else f"Fn::{tag}": said}


_Short.add_multi_constructor("!", _written_out)
