"""Writes the pages of a case into a folder, for the page server.

    python -m tests.benchmarks.pages FOLDER CASE

CASE is a case as JSON. The page of a path and query is the file of that name, with `.json` at its
end. Prints what a sync of it has to load, and the bytes of all pages of results, as JSON.
"""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec

from tests.benchmarks.cases import NUMBERS_PER_JOB, Case
from tests.benchmarks.fingerprint import Fingerprint

JOBS_PER_PAGE = 100
OTHER_BYTES = 270
"""Of a result, beside its summary."""
FILLER_SEED = 7
STRIDE = 7919
"""From the beginning of a summary in the filler to that of the next one."""


def write_pages(folder: Path, case: Case) -> dict[str, int]:
    """Writes a page for every request that a sync or a check sends.

    Returns:
        Rows in `workflows`, `jobs` and `results`, the `hash` of the results, and their `bytes`.
    """
    _write(folder, "/v3/workspace", {"name": "Bench", "plan_name": "Titanium", "tasks_used": 1})
    _write(folder, "/v3/users?page=0", {"users": [], "nbr_users": 0, "paging": {"next": None}})
    workflows = [{"uid": f"wf-{w}", "name": f"Flow {w}"} for w in range(case.workflows)]
    _write(folder, "/v3/workflows", workflows)
    for workflow in range(case.workflows):
        _write_jobs(folder, case, workflow)
    _write(folder, "/v3/jobs/job-0", _job(case, 0))
    filler = _filler(case.row_bytes)
    found = Fingerprint()
    size = 0
    for job in range(case.jobs):
        for page, results in enumerate(_pages(case, job, filler)):
            size += _write_results(folder, case, job, page, results)
            for index, result in enumerate(results):
                found.add(f"job-{job}", page * case.rows + index, result)
    return {"workflows": case.workflows, "jobs": case.jobs, **found.as_dict(), "bytes": size}


def _write_jobs(folder: Path, case: Case, workflow: int) -> None:
    path = f"/v3/workflows/wf-{workflow}"
    _write(folder, f"{path}/details", {"uid": f"wf-{workflow}", "steps": []})
    jobs = [_job(case, number) for number in range(workflow, case.jobs, case.workflows)]
    pages = -(-len(jobs) // JOBS_PER_PAGE)
    for page in range(pages + 1):  # an empty one ends the list
        first = page * JOBS_PER_PAGE
        _write(folder, f"{path}/jobs?page={page}", jobs[first : first + JOBS_PER_PAGE])


def _write_results(
    folder: Path, case: Case, job: int, page: int, results: list[dict[str, object]]
) -> int:
    path = f"/v3/jobs/job-{job}/results"
    more = page + 1 < case.pages
    paging = {
        "previous": None,
        "next": f"{path}?cursor=c{page + 1}" if more else None,
        "have_next_page": more,
    }
    query = f"?cursor=c{page}" if page else ""
    return _write(folder, f"{path}{query}", {"results": results, "paging": paging})


def _write(folder: Path, target: str, content: object) -> int:
    file = folder / f"{target.lstrip('/')}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    return file.write_bytes(msgspec.json.encode(content))


def _pages(case: Case, job: int, filler: str) -> Iterator[list[dict[str, object]]]:
    first = job * NUMBERS_PER_JOB
    for page in range(case.pages):
        is_last = page + 1 == case.pages
        rows = case.rows + (is_last and job < case.changed)
        start = first + page * case.rows
        yield [_result(case, number, filler) for number in range(start, start + rows)]


def _result(case: Case, number: int, filler: str) -> dict[str, object]:
    start = number * STRIDE % case.row_bytes
    return {
        "id": number,
        "first_name": f"Name{number % 997}",
        "linkedin_url": f"https://www.linkedin.com/in/person-{number}",
        "connections": number % 500,
        "is_open": number % 3 == 0,
        "company": {"name": f"Company {number % 211}", "size": number % 10_000},
        "skills": ["python", "sql", f"skill-{number % 50}"],
        "summary": filler[start : start + max(0, case.row_bytes - OTHER_BYTES)],
    }


def _filler(row_bytes: int) -> str:
    rng = random.Random(FILLER_SEED)
    return "".join(rng.choice("abcdefghijklmnopqrstuvwxyz éü") for _ in range(row_bytes * 2))


def _job(case: Case, number: int) -> dict[str, object]:
    is_changed = number < case.changed
    day = f"2026-01-{number % 28 + 1:02d}"
    return {
        "uid": f"job-{number}",
        "name": f"Run {number}",
        "workflow_uid": f"wf-{number % case.workflows}",
        "workflow_name": f"Flow {number % case.workflows}",
        "main_job_uid": None,
        "status": "finished",
        "start_time": f"{day}T10:00:00",
        "finish_time": f"{day}T{12 if is_changed else 10}:{number % 60:02d}:00",
        "number_inputs": 10,
        "row_count": case.rows * case.pages + is_changed,
        "accounts": [],
        "configuration": {"max": case.rows * case.pages},
    }


if __name__ == "__main__":
    expected = write_pages(Path(sys.argv[1]), Case(**json.loads(sys.argv[2])))
    sys.stdout.write(json.dumps(expected) + "\n")
