"""The wheel holds what users need."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
LINK_TO_A_FILE = re.compile(r"\]\((?!https?://|#)")


def test_the_wheel_holds_sql_the_sandbox_and_the_command(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir"]
    done = subprocess.run(
        [*command, str(tmp_path), str(ROOT)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = tmp_path.glob("captaindata_source-0.1.0-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        info = "captaindata_source-0.1.0.dist-info"
        entry_points = archive.read(f"{info}/entry_points.txt").decode()
        metadata = archive.read(f"{info}/METADATA").decode()
    assert "captaindata = captaindata_source.cli.main:run" in entry_points
    assert not LINK_TO_A_FILE.findall(metadata), "an index has no files of the repository"
    assert "captaindata_source/sql/README.md" in names
    assert "captaindata_source/sql/views/README.md" in names
    assert "captaindata_source/sql/views/jobs.sql" in names
    assert "captaindata_source/sql/dbt/dbt_project.yml" in names
    assert "captaindata_source/sql/dbt/models/sources.yml" in names
    assert "captaindata_source/sql/dbt/models/marts/captaindata__jobs.sql" in names
    assert "captaindata_source/sandbox/server.py" in names
    assert "captaindata_source/report/page.html.jinja" in names
    assert "captaindata_source/report/queries/days.sql" in names
    assert "captaindata_source/dlt/config.toml" in names
    assert "captaindata_source/dlt/secrets.toml.example" in names
    assert "captaindata_source/py.typed" in names
    assert f"{info}/licenses/LICENSE" in names
    assert "License-Expression: MIT" in metadata
    assert not [name for name in names if name.startswith(("tests", "pipelines", ".dlt"))]
    assert_runs(wheel, tmp_path / "environment")


def assert_runs(wheel: Path, folder: Path) -> None:
    """Both commands of the wheel run, with what this environment has of other packages."""
    uv = str(Path(sys.executable).parent / "uv")
    for command in (
        [uv, "venv", "--offline", "--python", sys.executable, str(folder)],
        [uv, "pip", "install", "--offline", "--no-deps", "--python", str(folder), str(wheel)],
    ):
        subprocess.run(command, check=True, capture_output=True)
    packages = sysconfig.get_path("purelib")
    for name in ("captaindata", "captaindata-source"):
        done = subprocess.run(
            [folder / "bin" / name, "--version"],
            capture_output=True,
            text=True,
            check=True,
            cwd=folder,
            env={**os.environ, "PYTHONPATH": packages},
        )
        assert done.stdout == "captaindata 0.1.0\n"
