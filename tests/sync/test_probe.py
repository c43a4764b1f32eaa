"""`captaindata check --probe`: facts about the API, few calls, and no data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from captaindata_source.api.open_facts import MAX_CALLS
from captaindata_source.engine.probe import probe
from captaindata_source.http import Secret
from captaindata_source.sandbox import SECRET_MARKER, Dialect, RateLimit, World
from captaindata_source.settings.workspace import Settings
from tests.conftest import MakeHarness
from tests.support import processes
from tests.support.databases import DuckDb
from tests.support.faults import Fault
from tests.support.faulty_sandbox import FaultySandbox

WORLD: dict[str, Any] = {"jobs_per_day": 2.0, "mean_results": 30, "workspaces": 1, "workflows": 3}


@pytest.fixture
def database(tmp_path: Path) -> DuckDb:
    """It has no part in it."""
    return DuckDb(tmp_path)


def facts(sandbox: FaultySandbox, version: Any, **options: Any) -> dict[str, str]:
    """What the probe says of the first workspace."""
    workspace = sandbox.world.workspaces[0]
    settings = Settings(
        **{
            "api_key": Secret(workspace.api_key),
            "project_uid": workspace.uid,
            "api_version": version,
            "base_url": sandbox.base_url_of(version),
            **options,
        }
    )
    sandbox.log.clear()
    found = dict(probe(settings))
    assert len(sandbox.log.entries) <= MAX_CALLS
    assert found["calls"] == str(len(sandbox.log.entries))
    return found


@pytest.mark.parametrize("order", ["newest", "oldest", "uid"])
@pytest.mark.parametrize("end", ["empty", "repeat_last", "not_found"])
def test_job_lists(order: Any, end: Any) -> None:
    dialect = Dialect(jobs_page_size=12, jobs_order=order, jobs_end=end)
    with FaultySandbox(World(1, dialect=dialect, **WORLD)) as sandbox:
        found = facts(sandbox, "v3")
    orders = {"newest": "newest first", "oldest": "oldest first", "uid": "none"}
    ends = {"empty": "empty", "repeat_last": "repeats items", "not_found": "status 404"}
    assert found["key in the documented header"] == "taken"
    assert found["key in the header of the other version"] != "not seen"
    assert found["order of job lists"].startswith(orders[order])
    assert found["page beyond the end of a job list"] == ends[end]
    assert found["jobs on pages that another follows"].startswith("12")


@pytest.mark.parametrize(
    ("style", "form"),
    [("absolute", "a URL"), ("relative", "a path"), ("cursor", "a cursor")],
)
def test_results(style: Any, form: str) -> None:
    dialect = Dialect(next_style=style, results_page_size=20)
    with FaultySandbox(World(1, dialect=dialect, **WORLD)) as sandbox:
        found = facts(sandbox, "v3")
    assert found["next of results is"] == form
    assert found["following it"] == "brings rows"
    assert found["results on a page that another follows"] == "20"


@pytest.mark.parametrize(("most", "taken"), [(500, "taken"), (100, "refused with 400")])
def test_v4(most: int, taken: str) -> None:
    dialect = Dialect(outputs_max_limit=most, outputs_page_size=25, reset_style="seconds")
    with FaultySandbox(World(1, dialect=dialect, **WORLD), rate_limit=RateLimit(60)) as sandbox:
        found = facts(sandbox, "v4")
    assert found["limit=500 of outputs"] == taken
    assert found["order of runs by updated_at"] == "newest first"
    assert found["x-ratelimit-reset is"] == "seconds"
    assert "x-ratelimit-remaining" in found["rate limit headers"]


@pytest.mark.parametrize("version", ["v3", "v4"])
def test_no_data_of_the_account_is_printed(make_harness: MakeHarness, version: Any) -> None:
    harness = make_harness(workflows=3)
    workspace = harness.world.workspaces[0]
    harness.versions[workspace.uid] = version
    done = processes.run(
        ["check", "--probe"], environment=harness.environment(), folder=harness.folder
    )
    assert done.code == 0, done.stdout + done.stderr
    block = done.stdout.split("workspace 1\n", 1)[1]
    assert block.count(": ") > 10
    for text in (SECRET_MARKER, workspace.uid, workspace.name, workspace.api_key, "http", "@"):
        assert text not in block, text
    for flow in harness.world.workflows(workspace):
        assert flow["uid"] not in block
        assert flow["name"] not in block


@pytest.mark.parametrize("version", ["v3", "v4"])
@pytest.mark.parametrize("status", [401, 404, 429, 500])
def test_what_was_refused_is_not_seen(version: Any, status: int) -> None:
    with FaultySandbox(World(1, **WORLD)) as sandbox:
        sandbox.faults.add(Fault(match="/", kind="status", status=status))
        found = facts(sandbox, version)
    assert found["statuses"].startswith(f"{status}: ")
    assert found["rate limit headers"] == "not seen"
