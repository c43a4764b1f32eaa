"""The modules for orchestrators, held against the types of the real Dagster and Prefect."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.runners import PYTHON, ROOT

pytestmark = pytest.mark.integration

MODULES = (
    "pipelines.dagster_definitions",
    "pipelines.prefect_flow",
    "tests.support.dagster_run",
    "tests.support.prefect_run",
)


def test_types(tmp_path: Path) -> None:
    """`make test` checks them without these packages, which leaves out what leans on them."""
    command = [sys.executable, "-m", "mypy", "--python-executable", str(PYTHON)]
    command += ["--cache-dir", str(tmp_path), "-p", "captaindata_source.dagster"]
    for name in MODULES:
        command += ["-m", name]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
