"""What tests of the deployment do to a project."""

import json
import shutil
import sys
from io import StringIO
from pathlib import Path

from chalice.deploy.packager import DependencyBuilder, LambdaDeploymentPackager
from chalice.utils import UI, OSUtils

from chalicelib import settings
from deploy.project import clean_copy
from local.aws import package

STAGE = "dev"


def change_settings(project: Path, environment: dict[str, str], **others: str) -> None:
    """What a person does to config.json with an editor."""
    path = project / ".chalice" / "config.json"
    config = json.loads(path.read_text())
    config["stages"][STAGE]["environment_variables"] |= environment
    config["stages"][STAGE] |= others
    path.write_text(json.dumps(config))


def hand_over_package(project: Path) -> None:
    """Let Chalice find the zip that was built for the local AWS, so that no requirement is installed twice."""
    built = package.build("local", import_environment={settings.STAGE: "local"})
    copy = clean_copy(STAGE, project)
    packager = LambdaDeploymentPackager(OSUtils(), DependencyBuilder(OSUtils()), UI(StringIO()), package.ARCHITECTURE)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    target = Path(packager.deployment_package_filename(str(copy), version))
    target.parent.mkdir(exist_ok=True)
    shutil.copyfile(built.zip_file, target)
