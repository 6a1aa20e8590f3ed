"""Alarms, from .chalice/watch-stack.yaml."""

import re
import textwrap
from pathlib import Path
from typing import Any

import yaml

from tools.reference.markdown import code, table

STACK = Path(__file__).resolve().parents[2] / ".chalice" / "watch-stack.yaml"
STAGE = "prod"  # the stage of the examples
COMPARISONS = {"GreaterThanThreshold": "more than", "LessThanThreshold": "fewer than"}
STATISTICS = {"SampleCount": "number of values"}
COMMANDS = re.compile(
    r"python -m ops --stage \w+ [a-z-]+(?: (?:all|list|release|put [A-Z_]+))?(?: --[a-z-]+)*"
    r"|make deploy STAGE=\w+(?: [A-Z_]+=\d+)?"
)
STEP = re.compile(r" (?=Run: )")  # where an alarm's text comes to what is to be done
WIDTH = 120  # characters


class _Loader(yaml.SafeLoader):
    """Reads CloudFormation's short forms (`!Sub`, `!Ref`) as what stands behind them."""


def _short_form(loader: yaml.SafeLoader, _tag: str, node: yaml.Node) -> Any:  # noqa: ANN401 - any YAML
    if isinstance(node, yaml.ScalarNode):
        return loader.construct_scalar(node)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return loader.construct_mapping(node, deep=True)  # type: ignore[arg-type]  # what is left is a mapping


_Loader.add_multi_constructor("!", _short_form)


def alarms() -> str:
    """One line for each alarm: its name and when it rings."""
    rows = [(f"[{name}](#{name})", _condition(alarm)) for name, alarm in _alarms()]
    return table(("alarm", "rings when"), rows)


def texts() -> str:
    """What each alarm means and what to do, as its e-mail says it."""
    parts = []
    for name, alarm in _alarms():
        text = COMMANDS.sub(lambda found: f"`{found[0]}`", _filled(alarm["AlarmDescription"]))
        parts += [f"## {name}", *(textwrap.fill(one, WIDTH, break_on_hyphens=False) for one in STEP.split(text))]
    return "\n\n".join(parts)


def _alarms() -> list[tuple[str, dict[str, Any]]]:
    found = yaml.load(STACK.read_text(), Loader=_Loader)["Resources"].values()  # noqa: S506 - a SafeLoader
    alarms = [one["Properties"] for one in found if one["Type"] == "AWS::CloudWatch::Alarm"]
    return [(one["AlarmName"].removeprefix("rolecall-${Stage}-"), one) for one in alarms]


def _condition(alarm: dict[str, Any]) -> str:
    statistic = STATISTICS.get(alarm["Statistic"], alarm["Statistic"].lower())
    comparison = COMPARISONS[alarm["ComparisonOperator"]]
    return (
        f"{code(alarm['MetricName'])} ({statistic}) is {comparison} {_filled(str(alarm['Threshold']))} {_span(alarm)}"
    )


def _span(alarm: dict[str, Any]) -> str:
    """For how long it must be so."""
    minutes, times = alarm["Period"] // 60, int(_filled(str(alarm["EvaluationPeriods"])))
    if alarm.get("DatapointsToAlarm", times) == times:
        return f"for {times * minutes} minutes"
    return f"in any {minutes} of the last {times * minutes} minutes"


def _filled(text: str) -> str:
    """The text with the stage of the examples and the defaults of the parameters, on one line."""
    parameters = yaml.load(STACK.read_text(), Loader=_Loader)["Parameters"]  # noqa: S506 - a SafeLoader
    known = {name: str(one.get("Default", "")) for name, one in parameters.items()} | {"Stage": STAGE}
    text = re.sub(r"\$\{(\w+)\}", lambda found: known[found[1]], text)
    return " ".join(known.get(text, text).split())
