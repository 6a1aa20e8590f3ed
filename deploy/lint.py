"""cfn-lint over all that is deployed, with the settings of the one who deploys."""

import hashlib
import json
import logging
import os
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import boto3

from deploy.functions import ANY_REGION, MERGED
from deploy.project import BUNDLE, NotDeployed, chalice, clean_copy, run, sources

TEMPLATES = ("data-stack.yaml", "watch-stack.yaml")
CODE = {"Bucket": "bucket", "Key": "key"}  # stands for where the code will lie

Json = dict[str, Any]


def lint(stage: str, root: Path) -> list[str]:
    """Raise NotDeployed with the errors that cfn-lint finds in the three stacks of `stage`; its warnings.

    It stands for both ways of deploying: what `chalice deploy` sets is what `chalice package` writes down. What was
    found clean once is not looked at again while nothing changes.
    """
    clean, facts = root / ".build" / "check-out" / f"{stage}.clean", _facts(root)
    if clean.exists() and facts in clean.read_text().split():
        return []
    from cfnlint import lint_file  # type: ignore[import-untyped] # it ships none; a second, and mostly not needed

    stacks = [*(root / ".chalice" / name for name in TEMPLATES), _functions(stage, root)]
    found = [one for path in stacks for one in lint_file(path)]
    if errors := [_told(one) for one in found if one.rule.id.startswith("E")]:
        raise NotDeployed("\n".join(["AWS would refuse this:", *(f"- {error}" for error in errors)]))
    with clean.open("a") as known:
        known.write(facts + "\n")
    return [_told(one) for one in found]


def _facts(root: Path) -> str:
    """Changes with everything that a finding may come from."""
    found = hashlib.sha256(f"{version('cfn-lint')} {sys.version}".encode())
    for path in sorted([*sources(root), *(root / ".chalice" / name for name in TEMPLATES)]):
        found.update(path.read_bytes())
    return found.hexdigest()


def _told(found: Any) -> str:  # noqa: ANN401 - cfn-lint ships no types
    return f"{found.message} ({found.rule.id} at {_place(found.path)})"


def _place(path: list[Any] | None) -> str:
    return "/".join(map(str, path or []))


def _functions(stage: str, root: Path) -> Path:
    """The template of the functions, as CloudFormation sees it: packaged, and translated by SAM.

    Nothing is installed for it: the zip is left empty.
    """
    copy, out = clean_copy(stage, root, "check"), root / ".build" / "check-out" / stage
    region = os.environ.get("AWS_DEFAULT_REGION") or ANY_REGION
    run([sys.executable, "-P", str(BUNDLE), str(copy), "--empty"], copy, "The project cannot be read", quiet=True)
    arguments = ["package", "--stage", stage, "--template-format", "json", "--merge-template", MERGED, str(out)]
    chalice(arguments, copy, quiet=True, AWS_DEFAULT_REGION=region)
    template = translated(json.loads((out / "sam.json").read_text()), region)
    path = out / "functions.json"
    path.write_text(json.dumps(template, indent=1))
    return path


def translated(template: Json, region: str) -> Json:
    """What SAM makes of the packaged template (cfn-lint sees through no `AWS::Serverless`)."""
    from samtranslator.parser.parser import Parser  # as above
    from samtranslator.translator.translator import Translator

    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = dict(CODE)
    logging.getLogger("samtranslator").addHandler(logging.NullHandler())  # it speaks of metrics that nobody asked for
    translator = Translator(None, Parser(), boto_session=boto3.Session(region_name=region))
    made: Json = translator.translate(template, {}, get_managed_policy_map=dict)
    return made
