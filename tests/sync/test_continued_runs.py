"""Runs that are continued under their uid: what an earlier answer brought stays."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest

from tests.conftest import MakeHarness
from tests.support.faults import Fault
from tests.support.harness import Harness
from tests.support.marks import INTEGRATION, ON_DUCKDB, ON_POSTGRES

SMALL: dict[str, Any] = {"workflows": 1, "jobs_per_day": 0.0, "mean_results": 2}
UID = "11111111-2222-4333-8444-555555555555"
A, B, C, D = ({"name": name, "Z": 1.0, "a": [1]} for name in "abcd")


class Continued:
    """One run, and what the API says of it now."""

    def __init__(self, harness: Harness, *, mode: str | None = "incremental") -> None:
        self.harness = harness
        self.mode = mode
        self.number = 0
        harness.options |= {"api_version": "v4"}

    def answer(self, *rows: Any, count: int | None = None) -> None:
        """The state of the run after it was continued once more."""
        self.number += 1
        sandbox = self.harness.sandbox
        sandbox.faults.clear()
        (workspace,) = self.harness.world.workspaces
        run = {
            "uid": UID,
            "action_name": "search",
            "workspace_uid": workspace.uid,
            "execution_mode": "ASYNC",
            "status": "SUCCEEDED",
            "parameters": {} if self.mode is None else {"sync_mode": self.mode},
            "output_count": len(rows) if count is None else count,
            "retry_count": 0,
            "created_at": "2026-01-10T00:00:00Z",
            "started_at": "2026-01-10T00:00:00Z",
            "finished_at": f"2026-01-10T{self.number:02d}:00:00Z",
            "updated_at": f"2026-01-10T{self.number:02d}:00:00Z",
        }
        for match, body in ((f"/runs/{UID}/outputs$", rows), (f"/runs/{UID}$", run)):
            sandbox.faults.add(Fault(match=match, kind="replace", body=json.dumps(body)))
        sandbox.faults.add(Fault(match="/v4/runs$", kind="replace", body=json.dumps([run])))

    def loaded(self) -> Counter[tuple[str, bool | None]]:
        rows = self.harness.rows("job_results", where=f"job_uid = '{UID}'")
        assert sorted(row["position"] for row in rows) == list(range(len(rows)))
        assert len({row["result_uid"] for row in rows}) == len(rows)
        found = [(row["data"], row["is_carried"]) for row in rows]
        parsed = [(json.loads(d) if isinstance(d, str) else d, carried) for d, carried in found]
        assert all(data["Z"] == 1.0 and data["a"] == [1] for data, _ in parsed)
        (ledger,) = self.harness.rows("job_results_ledger", where=f"job_uid = '{UID}'")
        assert ledger["result_rows"] == len(rows)
        return Counter((data["name"], carried) for data, carried in parsed)

    def kinds(self) -> set[str]:
        return {row["kind"] for row in self.harness.rows("sync_issues")}


@INTEGRATION
@ON_POSTGRES
def test_what_the_newest_answer_lacks_stays(make_harness: MakeHarness) -> None:
    run = Continued(make_harness(**SMALL))
    run.answer(A, B, B)
    run.harness.sync()
    assert run.loaded() == Counter({("a", None): 1, ("b", None): 2})
    # the newest batch alone
    run.answer(B, C, count=5)
    run.harness.sync()
    assert run.loaded() == Counter({("b", None): 1, ("c", None): 1, ("a", True): 1, ("b", True): 1})
    # it ends without anything
    run.answer()
    run.harness.sync()
    assert run.loaded() == Counter({("a", True): 1, ("b", True): 2, ("c", True): 1})
    # all of them
    run.answer(A, B, B, C, D)
    run.harness.sync()
    everything = Counter({("a", None): 1, ("b", None): 2, ("c", None): 1, ("d", None): 1})
    assert run.loaded() == everything
    run.answer(D, count=1)
    run.harness.sync("--full-refresh")
    assert sum(run.loaded().values()) == 5
    assert run.loaded()["d", None] == 1
    assert not run.kinds() & {"row_count_differs", "counts_not_trusted", "pages_shifted"}


@INTEGRATION
@pytest.mark.parametrize("mode", ["full", None])
@pytest.mark.parametrize("database", ["duckdb"], indirect=True)
def test_of_other_runs_results_are_replaced(make_harness: MakeHarness, mode: str | None) -> None:
    run = Continued(make_harness(**SMALL), mode=mode)
    run.answer(A, B)
    run.harness.sync()
    run.answer(C)
    run.harness.sync()
    assert run.loaded() == Counter({("c", None): 1})


@INTEGRATION
@ON_DUCKDB
def test_rows_of_a_load_that_was_never_committed_stay(make_harness: MakeHarness) -> None:
    run = Continued(make_harness(**SMALL))
    run.answer(A, B)
    run.harness.sync()
    run.answer(C)
    run.harness.sync()
    database = run.harness.database
    (ledger,) = run.harness.rows("job_results_ledger", where=f"job_uid = '{UID}'")
    database.execute(f"delete from _dlt_loads where load_id = '{ledger['results_load_id']}'")
    run.answer(C)
    run.harness.sync()
    assert run.loaded() == Counter({("a", True): 1, ("b", True): 1, ("c", None): 1})
