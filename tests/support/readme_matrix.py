"""Writes the fault matrix into `tests/README.md`: `python -m tests.support.readme_matrix`."""

from __future__ import annotations

import re
from pathlib import Path

from tests.support.fault_matrix import ROWS, MatrixRow

PATH = Path(__file__).parents[1] / "README.md"
BEGIN = "<!-- fault matrix: begin -->"
END = "<!-- fault matrix: end -->"


def matrix_table() -> str:
    """The table as the README prints it."""
    head = [
        "| The API sends | The sync | Version | Calls | `sync_issues` | Exit |",
        "|---|---|---|---|---|---|",
    ]
    return "\n".join([*head, *map(_line, ROWS)])


def _line(row: MatrixRow) -> str:
    issues = dict.fromkeys(f"`{kind}`: {action}" for kind, action, _ in row.issues)
    calls = {version: row.calls_in(version) for version in row.versions}
    said = ", ".join(f"{version} {number}" for version, number in calls.items())
    if len(set(calls.values())) == 1:
        said = str(row.calls_in(row.versions[0]))
    cells = (row.name, row.outcome, ", ".join(row.versions), said, ", ".join(issues), row.exit)
    return f"| {' | '.join(map(str, cells))} |"


def main() -> None:
    text = PATH.read_text(encoding="utf-8")
    marks = re.compile(f"{re.escape(BEGIN)}.*{re.escape(END)}", re.DOTALL)
    assert marks.search(text), f"{PATH} has no {BEGIN}"
    PATH.write_text(
        marks.sub(lambda _: f"{BEGIN}\n{matrix_table()}\n{END}", text), encoding="utf-8"
    )


if __name__ == "__main__":
    main()
