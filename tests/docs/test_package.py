"""The wheel holds what users need."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]


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
    assert "captaindata_source/sql/README.md" in names
    assert "captaindata_source/sql/views/README.md" in names
    assert "captaindata_source/sql/views/jobs.sql" in names
    assert "captaindata_source/sql/dbt/dbt_project.yml" in names
    assert "captaindata_source/sql/dbt/models/sources.yml" in names
    assert "captaindata_source/sandbox/server.py" in names
    assert "captaindata_source/report/page.html.jinja" in names
    assert "captaindata_source/report/queries/days.sql" in names
    assert "captaindata_source/dlt/config.toml" in names
    assert "captaindata_source/dlt/secrets.toml.example" in names
    assert "captaindata_source/py.typed" in names
    assert f"{info}/licenses/LICENSE" in names
    assert "License-Expression: MIT" in metadata
    assert not [name for name in names if name.startswith(("tests", "pipelines", ".dlt"))]
