"""The files in `pipelines/schedule/`: their commands run, and tools that know their form take them.

The tools are those of the systems themselves, or the schemas that these publish: systemd-analyze,
kubernetes-validate and check-jsonschema. `make .venv/.manifests-ready` installs them.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from captaindata_source.sandbox import World, example_secrets
from tests.support.faulty_sandbox import FaultySandbox

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "pipelines" / "schedule"
TOOLS = ROOT / ".venv" / "manifests" / "bin"
WORKFLOW = FOLDER / "github-actions.yml"
KUBERNETES = ("1.31", "1.37")
"""The first that the file is for, and the newest that the tool knows."""
ONE_TABLE = "--table workspaces"


@pytest.fixture
def sandbox() -> Iterator[FaultySandbox]:
    with FaultySandbox(World(6, jobs_per_day=0.1, mean_results=6, workflows=6)) as sandbox:
        yield sandbox


@pytest.fixture
def folder(sandbox: FaultySandbox, tmp_path: Path) -> Path:
    """What /srv/captaindata holds."""
    commands = tmp_path / ".venv" / "bin"
    commands.mkdir(parents=True)
    (commands / "captaindata").symlink_to(Path(sys.executable).parent / "captaindata")
    (tmp_path / ".dlt").mkdir()
    (tmp_path / ".dlt" / "secrets.toml").write_text(
        example_secrets(sandbox.world, sandbox.base_url), encoding="utf-8"
    )
    return tmp_path


def shell(*command: str, folder: Path, cwd: str = "/", **environment: str) -> tuple[int, str]:
    """Runs it as cron or a runner does, with hardly any environment: exit code and output."""
    done = subprocess.run(
        command,
        env={"DLT_DATA_DIR": str(folder / "dlt"), "HOME": str(folder), **environment},
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


@pytest.mark.parametrize("file", [ROOT / "README.md", FOLDER / "crontab"])
def test_the_line_for_cron_needs_no_path_and_is_silent(file: Path, folder: Path) -> None:
    (line,) = re.findall(r"^15 \* \* \* \* +(.*)$", file.read_text(encoding="utf-8"), re.MULTILINE)
    line = line.replace("/srv/captaindata", str(folder))
    assert line.count("--destination postgres") == 1
    line = line.replace("--destination postgres", ONE_TABLE)
    assert shell("/bin/sh", "-c", line, folder=folder) == (0, "")
    log = (folder / "sync.log").read_text(encoding="utf-8")
    assert "loaded" in log
    if file.name == "crontab":  # a failure is mailed
        secrets = folder / ".dlt" / "secrets.toml"
        secrets.write_text(
            secrets.read_text(encoding="utf-8").replace("api_key", "api_kei"), encoding="utf-8"
        )
        _, said = shell("/bin/sh", "-c", line, folder=folder)
        assert "api_kei" in said


def test_the_steps_of_the_workflow(sandbox: FaultySandbox, folder: Path) -> None:
    steps = yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))["jobs"]["sync"]["steps"]
    install, sync = (each for each in steps if "run" in each)
    assert install["run"] == "python -m pip install --quiet -c constraints.txt '.[postgres]'"
    assert {*sync["env"]} == {
        "SOURCES__CAPTAINDATA__WORKSPACES",
        "DESTINATION__POSTGRES__CREDENTIALS",
    }
    (folder / ".dlt" / "secrets.toml").unlink()
    workspace = sandbox.world.workspaces[0]
    table = {"name": "growth", "api_key": workspace.api_key, "project_uid": workspace.uid}
    line = sync["run"].replace("--destination postgres", ONE_TABLE)
    assert line != sync["run"]
    summary = folder / "summary.md"
    for tables, code, said in (
        ([{**table, "base_url": sandbox.base_url}], 0, "loaded"),
        ([{**table, "base_url": sandbox.base_url, "api_key": "wrong"}], 1, "::error title="),
        ([{**table, "api_kei": "x"}], 2, "The configuration is wrong: nothing was loaded"),
    ):
        environment = {
            "PATH": f"{folder}/.venv/bin:/usr/bin:/bin",
            "GITHUB_STEP_SUMMARY": str(summary),
            "SOURCES__CAPTAINDATA__WORKSPACES": json.dumps(tables),
        }
        command = ("/bin/bash", "-e", "-c", line)  # GitHub's default
        found, output = shell(*command, folder=folder, cwd=str(folder), **environment)
        assert (found, said in output) == (code, True), output
        assert workspace.api_key not in output
    assert summary.read_text(encoding="utf-8").count("```text\n") == 3


def tool(name: str) -> str:
    found = shutil.which(name, path=f"{TOOLS}:/usr/bin:/bin")
    assert found, f"{name} is not there: run make .venv/.manifests-ready"
    return found


def run(*command: str) -> tuple[int, str]:
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    return done.returncode, done.stdout


def test_systemd_takes_the_units(tmp_path: Path) -> None:
    units = [*FOLDER.glob("*.service"), *FOLDER.glob("*.timer")]
    units += (ROOT / "pipelines" / "listen").glob("*.service")
    assert len(units) == 3
    installed = shutil.which("true")
    for unit in units:
        text = unit.read_text(encoding="utf-8")
        text = text.replace("/opt/captaindata/bin/captaindata", str(installed))
        (tmp_path / unit.name).write_text(text, encoding="utf-8")
    command = [tool("systemd-analyze"), "verify", "--man=no"]
    assert run(*command, *(str(tmp_path / unit.name) for unit in units)) == (0, "")
    broken = tmp_path / "captaindata-sync.service"
    broken.write_text(broken.read_text(encoding="utf-8") + "StateDirectry=x\n", encoding="utf-8")
    assert "Unknown key" in run(*command, str(broken))[1], "the tool finds what is wrong"


def test_kubernetes_and_github_take_their_files(tmp_path: Path) -> None:
    manifest, broken = FOLDER / "kubernetes-cronjob.yaml", tmp_path / "broken.yaml"
    for version in KUBERNETES:
        command = [tool("kubernetes-validate"), "--strict", "--kubernetes-version", version]
        code, said = run(*command, str(manifest))
        assert (code, "passed" in said) == (0, True), said
    broken.write_text(
        manifest.read_text(encoding="utf-8").replace("concurrencyPolicy", "concurencyPolicy"),
        encoding="utf-8",
    )
    assert run(*command, str(broken))[0] != 0
    schema = [tool("check-jsonschema"), "--builtin-schema", "vendor.github-workflows"]
    code, said = run(*schema, str(WORKFLOW))
    assert code == 0, said
    broken.write_text(
        WORKFLOW.read_text(encoding="utf-8").replace("runs-on", "run-on"), encoding="utf-8"
    )
    assert run(*schema, str(broken))[0] != 0
