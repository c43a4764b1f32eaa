"""Writes the table of destinations into `pipelines/README.md`:
`python -m tests.support.destinations_table`."""

from __future__ import annotations

import re
from pathlib import Path

from captaindata_source.warehouse.promises import PROMISES, Promise

PATH = Path(__file__).parents[2] / "pipelines" / "README.md"
COLUMNS = (
    *("destination", "incremental", "re-run jobs exact", "deletes", "resumes", "views"),
    "tested with",
)
BEGIN = "<!-- destinations: begin -->"
END = "<!-- destinations: end -->"
MARKS = re.compile(f"{re.escape(BEGIN)}.*{re.escape(END)}", re.DOTALL)


def destinations_table() -> str:
    """The table as the README prints it."""
    head = [
        f"| {' | '.join(COLUMNS)} |",
        "|---" * len(COLUMNS) + "|",
    ]
    return "\n".join([*head, *map(_line, PROMISES)])


def _line(promise: Promise) -> str:
    cells = (
        promise.name,
        _flag(promise.is_incremental),
        _flag(promise.is_exact),
        promise.deletes,
        _flag(promise.resumes),
        _flag(promise.has_views),
        promise.tested,
    )
    return f"| {' | '.join(cells)} |"


def _flag(value: bool) -> str:
    return "yes" if value else "no"


def main() -> None:
    text = PATH.read_text(encoding="utf-8")
    assert MARKS.search(text), f"{PATH} has no {BEGIN}"
    PATH.write_text(
        MARKS.sub(lambda _: f"{BEGIN}\n{destinations_table()}\n{END}", text), encoding="utf-8"
    )


if __name__ == "__main__":
    main()
