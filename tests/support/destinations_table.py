"""Writes the table of destinations into `pipelines/README.md`:
`python -m tests.support.destinations_table`."""

from __future__ import annotations

import re
from pathlib import Path

from captaindata_source.warehouse.promises import PROMISES, Promise

PATH = Path(__file__).parents[2] / "pipelines" / "README.md"
BEGIN = "<!-- destinations: begin -->"
END = "<!-- destinations: end -->"
MARKS = re.compile(f"{re.escape(BEGIN)}.*{re.escape(END)}", re.DOTALL)


def destinations_table() -> str:
    """The table as the README prints it."""
    head = [
        "| destination | incremental | re-run jobs exact | resumes | views | tested with |",
        "|---|---|---|---|---|---|",
    ]
    return "\n".join([*head, *map(_line, PROMISES)])


def _line(promise: Promise) -> str:
    flags = (promise.is_incremental, promise.is_exact, promise.resumes, promise.has_views)
    cells = (promise.name, *("yes" if flag else "no" for flag in flags), promise.tested)
    return f"| {' | '.join(cells)} |"


def main() -> None:
    text = PATH.read_text(encoding="utf-8")
    assert MARKS.search(text), f"{PATH} has no {BEGIN}"
    PATH.write_text(
        MARKS.sub(lambda _: f"{BEGIN}\n{destinations_table()}\n{END}", text), encoding="utf-8"
    )


if __name__ == "__main__":
    main()
