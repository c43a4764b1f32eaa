"""The sandbox as v4 of the API: one world behind both generations, over HTTP."""

from __future__ import annotations

import dataclasses
import json
import re
import tomllib
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from captaindata_source.sandbox import (
    SECRET_MARKER,
    Dialect,
    NotFoundError,
    RateLimit,
    Workspace,
    World,
    example_secrets,
)
from captaindata_source.sandbox.people import PERMALINKS
from tests.support.faults import Fault
from tests.support.faulty_sandbox import FaultySandbox

Json = dict[str, Any]
PLAIN = Dialect(jobs_page_size=10, results_page_size=20, outputs_page_size=20)
OPTIONS: Json = {"days": 15, "workflows": 5, "jobs_per_day": 1.0, "mean_results": 25}
RUN_FIELDS = {
    "id", "uid", "action_id", "action_name", "retry_count", "user_uid", "workspace_uid",
    "execution_mode", "last_error", "parameters", "callback", "status", "output_count",
    "scheduled_run_uid", "postponed_until", "started_at", "finished_at", "created_at",
    "updated_at", "name", "last_info", "scheduled_run_name", "flow_run_id",
}  # fmt: skip
INTEGRATION_FIELDS = {
    "uid", "identity_uid", "integration_permalink", "name", "status", "auth_type", "setup_source",
    "is_shared", "level", "created_at", "updated_at", "error", "meta", "auth_data", "cookies",
}  # fmt: skip
V4_STATUSES = {
    "pending": {"SCHEDULED", "QUEUED", "CREATED"},
    "running": {"RUNNING"},
    "paused": {"BLOCKED"},
    "stopped": {"STOPPED"},
    "shutdown": {"FAILED"},
    "warning": {"FAILED", "INVALID"},
    "finished": {"SUCCEEDED", "PARTIAL_SUCCEEDED"},
}
NEXT = "X-Pagination-Next"


class Client(httpx.Client):
    """A client of one workspace, by v4."""

    def __init__(self, sandbox: FaultySandbox, workspace: Workspace | None = None) -> None:
        self.workspace = workspace or sandbox.world.workspaces[0]
        super().__init__(
            base_url=sandbox.base_url_of("v4"),
            headers={"X-API-Key": self.workspace.api_key},
            trust_env=False,
            timeout=5,
        )

    def json(self, path: str, **params: Any) -> Any:
        response = self.get(path, params=params or None)
        assert response.status_code == 200, (path, response.status_code, response.text)
        assert response.headers["content-type"] == "application/json"
        return response.json()

    def walk(self, path: str, *, limit: int = 100, **params: Any) -> list[Json]:
        """Return a whole list, by offsets."""
        found: list[Json] = []
        while page := self.json(path, limit=limit, offset=len(found), **params):
            assert len(page) <= limit
            found += page
        return found


@pytest.fixture(scope="module")
def server() -> Iterator[FaultySandbox]:
    with FaultySandbox(World(7, dialect=PLAIN, **OPTIONS)) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(server: FaultySandbox) -> Iterator[FaultySandbox]:
    """The module's server, in its first state."""
    server.world.dialect = PLAIN
    server.world.now = server.world.start
    server.faults.clear()
    server.log.clear()
    yield server
    server.before_request = None
    server.faults.clear()


@pytest.fixture
def client(sandbox: FaultySandbox) -> Iterator[Client]:
    with Client(sandbox) as client:
        yield client


def v3_get(sandbox: FaultySandbox, workspace: Workspace, path: str) -> httpx.Response:
    headers = {"x-api-key": workspace.api_key, "x-project-id": workspace.uid}
    return httpx.get(sandbox.base_url + path, headers=headers, trust_env=False)


def moment(text: str | None) -> datetime | None:
    """Read a time; one without an offset is in UTC."""
    if text is None:
        return None
    at = datetime.fromisoformat(text)
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)


def biggest(world: World, workspace: Workspace) -> Json:
    """Return the run with the most outputs that keeps them."""
    runs = [run for run in world.v4.runs(workspace) if run["execution_mode"] == "ASYNC"]
    return max(runs, key=lambda run: int(run["output_count"]))


@pytest.mark.parametrize("days", [0, 2.6])
def test_runs_are_the_jobs_of_v3(client: Client, sandbox: FaultySandbox, days: float) -> None:
    world, workspace = sandbox.world, client.workspace
    world.advance(days=days)
    runs = client.walk("/runs")
    assert runs == world.v4.runs(workspace)
    assert {frozenset(run) for run in runs} == {frozenset(RUN_FIELDS)}
    jobs = {job["uid"]: job for job in world.all_jobs(workspace) if job["main_job_uid"] is None}
    asynchronous = {run["uid"]: run for run in runs if run["execution_mode"] == "ASYNC"}
    assert asynchronous.keys() == jobs.keys()
    members = {member["uid"] for member in world.v4.members(workspace)}
    for uid, job in jobs.items():
        run = asynchronous[uid]
        assert run["status"] in V4_STATUSES[job["status"]]
        assert (run["status"] == "SCHEDULED") == (run["postponed_until"] is not None)
        assert run["output_count"] == (job["row_count"] or 0)
        assert run["parameters"] == job["configuration"]
        assert (run["last_error"] or {}).get("message") == job["error_message"]
        assert run["action_name"] == world.v4.action_name(workspace, job["workflow_uid"])
        assert run["workspace_uid"] == workspace.uid
        assert run["user_uid"] in members
        for new, old in (
            ("created_at", "scheduled_time"),
            ("started_at", "start_time"),
            ("finished_at", "finish_time"),
        ):
            assert moment(run[new]) == moment(job[old])
    workflow_of = {asynchronous[uid]["action_name"]: job["workflow_uid"]
                   for uid, job in jobs.items()}  # fmt: skip
    assert len(workflow_of) == len({job["workflow_uid"] for job in jobs.values()})
    assert len({run["action_id"] for run in runs}) == len({run["action_name"] for run in runs})
    assert len({run["id"] for run in runs}) == len(runs)


@pytest.mark.parametrize(("answers", "left"), [("all", 3), ("newest", 0)])
def test_a_run_is_continued_under_its_uid(answers: Any, left: int) -> None:
    with FaultySandbox(World(7, dialect=PLAIN, **OPTIONS)) as own, Client(own) as client:
        continue_a_run(client, own.world, answers, left)


def continue_a_run(client: Client, world: World, answers: Any, left: int) -> None:
    workspace = client.workspace
    world.dialect = dataclasses.replace(PLAIN, continued_outputs=answers, outputs_page_size=500)
    runs = [run for run in world.v4.runs(workspace) if run["status"] == "SUCCEEDED"]
    run = next(r for r in runs if r["output_count"] > left and r["execution_mode"] == "ASYNC")
    path = f"/runs/{run['uid']}"
    before = client.json(f"{path}/outputs")
    world.v4.continue_run(workspace, run["uid"], rows=4)
    found = client.json(path)
    assert (found["status"], found["finished_at"]) == ("RUNNING", None)
    assert found["parameters"]["sync_mode"] == "incremental"
    with pytest.raises(ValueError, match="once it rests"):
        world.v4.continue_run(workspace, run["uid"], rows=1)
    world.advance(hours=2)
    found = client.json(path)
    assert (found["status"], found["output_count"]) == ("SUCCEEDED", len(before) + 4)
    assert client.json("/runs", sort="-updated_at")[0]["updated_at"] >= found["updated_at"]
    after = client.json(f"{path}/outputs")
    assert after[:-4] == (before if answers == "all" else [])
    world.v4.continue_run(workspace, run["uid"], rows=0)
    world.advance(hours=2)
    assert client.json(f"{path}/outputs") == (after if answers == "all" else [])


def test_runs_are_archived_after_90_days(client: Client, sandbox: FaultySandbox) -> None:
    world, workspace = sandbox.world, client.workspace
    runs = world.v4.runs(workspace)
    oldest = runs[-1]["uid"]
    created = moment(runs[-1]["created_at"])
    assert created is not None
    age = world.now - created
    world.advance(days=89.9 - age.total_seconds() / 86_400)
    assert client.get(f"/runs/{oldest}").status_code == 200
    world.advance(days=0.2)
    assert client.get(f"/runs/{oldest}").status_code == 404
    assert oldest not in {run["uid"] for run in world.v4.runs(workspace)}
    assert client.get(f"/runs/{oldest}/outputs").status_code == 404


def test_limits_of_outputs(client: Client, sandbox: FaultySandbox) -> None:
    path = f"/runs/{biggest(sandbox.world, client.workspace)['uid']}/outputs"
    for most, refused in ((500, 501), (100, 101)):
        sandbox.world.dialect = dataclasses.replace(PLAIN, outputs_max_limit=most)
        assert client.get(path, params={"limit": most}).status_code == 200
        assert client.get(path, params={"limit": refused}).status_code == 400


def test_a_success_without_outputs_says_why(sandbox: FaultySandbox) -> None:
    runs = [r for w in sandbox.world.workspaces for r in sandbox.world.v4.runs(w)]
    assert {r["last_info"] is not None for r in runs} == {True, False}
    for run in runs:
        is_empty = run["status"] == "SUCCEEDED" and not run["output_count"]
        assert (run["last_info"] is not None) == is_empty


def test_accounts_are_there_where_they_are_asked_for(client: Client) -> None:
    assert not any(each.get("accounts") for each in client.json("/identities", page=1))
    found = client.json("/identities", page=1, retrieve_accounts="true")
    assert any(each["accounts"] for each in found)
    for each in found:
        names = [(i["integration_permalink"], i["status"]) for i in each["integrations"]]
        assert [(account["type"], account["status"]) for account in each["accounts"]] == names


def test_all_statuses() -> None:
    world = World(1, days=10, workspaces=1, jobs_per_day=6, mean_results=5)
    seen: Counter[str] = Counter()
    for _ in range(16):
        world.advance(hours=3)
        seen.update(run["status"] for run in world.v4.runs(world.workspaces[0]))
    assert set(seen) == set().union(*V4_STATUSES.values())
    assert 0.08 < seen["PARTIAL_SUCCEEDED"] / seen["SUCCEEDED"] < 0.25
    assert seen["INVALID"] < seen["FAILED"]


def test_old_jobs_are_runs_and_actions_have_names_of_their_own() -> None:
    world = World(1, days=80, workflows=15, workspaces=1, jobs_per_day=0.3, mean_results=5)
    (workspace,) = world.workspaces
    oldest = moment(world.v4.runs(workspace)[-1]["created_at"])
    assert oldest is not None
    assert (world.now - oldest).days > 70
    names = [world.v4.action_name(workspace, each["uid"]) for each in world.workflows(workspace)]
    assert len(set(names)) == len(names)
    assert any(name.endswith("-2") for name in names)
    assert all(re.fullmatch(r"[a-z][a-z0-9-]+", name) for name in names)


def test_updated_at_moves_with_every_change_but_growth() -> None:
    world = World(3, live_runs_per_day=2.0, workspaces=1, **OPTIONS)
    (workspace,) = world.workspaces
    before: dict[str, Json] = {}
    changes = retries = 0
    for _ in range(60):
        now = {run["uid"]: run for run in world.v4.runs(workspace)}
        assert before.keys() <= now.keys()
        for uid, run in now.items():
            updated, old = moment(run["updated_at"]), before.get(uid, run)
            assert updated is not None
            assert updated <= world.now
            if run == old:
                continue
            changes += 1
            retries += run["retry_count"] > old["retry_count"]
            assert run["retry_count"] >= old["retry_count"]
            assert run["execution_mode"] == "ASYNC"
            if {**old, "output_count": 0} == {**run, "output_count": 0}:
                assert run["status"] == "RUNNING"
            else:
                assert moment(old["updated_at"]) < updated  # type: ignore[operator]
        before = now
        world.advance(hours=4)
    assert changes > 50
    assert retries > 5


def actions_of(world: World) -> dict[str, str]:
    workspace = world.workspaces[0]
    flows = [workflow["uid"] for workflow in world.workflows(workspace)]
    return {uid: world.v4.action_name(workspace, uid) for uid in flows}


def test_a_renamed_workflow_keeps_its_action(sandbox: FaultySandbox) -> None:
    world, workspace = sandbox.world, sandbox.world.workspaces[0]
    before = {
        w["uid"]: world.v4.action_name(workspace, w["uid"]) for w in world.workflows(workspace)
    }
    names = {w["uid"]: w["name"] for w in world.workflows(workspace)}
    world.advance(days=9)
    after = {
        w["uid"]: world.v4.action_name(workspace, w["uid"]) for w in world.workflows(workspace)
    }
    assert {uid: after.get(uid, name) for uid, name in before.items()} == before
    assert any(names.get(w["uid"], w["name"]) != w["name"] for w in world.workflows(workspace))
    with pytest.raises(NotFoundError):
        world.v4.action_name(workspace, "nobody")


def test_live_runs(client: Client, sandbox: FaultySandbox) -> None:
    world, workspace = sandbox.world, client.workspace
    live = client.walk("/runs", execution_mode="LIVE")
    assert live == [r for r in world.v4.runs(workspace) if r["execution_mode"] == "LIVE"]
    assert 2 <= len(live) <= 20
    actions = {world.v4.action_name(workspace, w["uid"]) for w in world.workflows(workspace)}
    for run in live:
        assert (run["status"], run["output_count"] > 0) in {("SUCCEEDED", True), ("FAILED", False)}
        assert run["action_name"] in actions
        created, updated = moment(run["created_at"]), moment(run["updated_at"])
        assert created is not None
        assert updated is not None
        assert 0 < (updated - created).total_seconds() < 10
        assert world.job(workspace, run["uid"]) is None
        refused = client.get(f"/runs/{run['uid']}/outputs")
        assert refused.status_code == 400
        assert refused.json()["error_scope"] == "input"
    none = World(7, live_runs_per_day=0, dialect=PLAIN, **OPTIONS)
    others = [run for run in world.v4.runs(workspace) if run["execution_mode"] == "ASYNC"]
    assert none.v4.runs(none.workspaces[0]) == others


@pytest.mark.parametrize("sort", ["created_at", "updated_at", "status"])
def test_sorting(client: Client, sandbox: FaultySandbox, sort: str) -> None:
    by_uid = sorted(sandbox.world.v4.runs(client.workspace), key=lambda run: str(run["uid"]))
    for descending in (False, True):
        expected = sorted(by_uid, key=lambda run: str(run[sort]), reverse=descending)
        found = client.walk("/runs", sort=f"{'-' * descending}{sort}")
        assert [run["uid"] for run in found] == [run["uid"] for run in expected]


def test_pages_and_filters(client: Client, sandbox: FaultySandbox) -> None:
    runs = sandbox.world.v4.runs(client.workspace)
    assert client.json("/runs") == runs[:10]
    assert client.json("/runs", limit=7, offset=20) == runs[20:27]
    assert client.json("/runs", offset=len(runs)) == []
    one = runs[30]
    for name in ("status", "action_name", "execution_mode", "uid", "user_uid"):
        expected = [run for run in runs if run[name] == one[name]]
        assert client.walk("/runs", **{name: one[name]}) == expected
    both = {"status": "SUCCEEDED", "action_name": one["action_name"]}
    expected = [run for run in runs if both.items() <= run.items()]
    assert client.walk("/runs", sort="created_at", **both) == expected[::-1]
    assert client.json("/runs", uid="nobody") == []
    assert client.json(f"/runs/{one['uid']}/status") == {"uid": one["uid"], "status": one["status"]}
    assert client.json(f"/runs/{one['uid']}") == sandbox.world.v4.run(client.workspace, one["uid"])


def test_filters_can_be_repeated(client: Client, sandbox: FaultySandbox) -> None:
    runs = sandbox.world.v4.runs(client.workspace)
    some = [run["uid"] for run in runs[5:65:3]]
    assert client.json("/runs", uid=[*some, some[0], "nobody"], limit=100) == runs[5:65:3]
    assert client.json("/runs", uid=some, limit=4, offset=6) == runs[23:35:3]
    by_change = sorted(runs[5:65:3], key=lambda run: (run["updated_at"], run["uid"]))
    assert client.json("/runs", uid=some, limit=100, sort="updated_at") == by_change
    for name in ("status", "action_name", "user_uid"):
        two: Any = list(dict.fromkeys(run[name] for run in runs))[:2]
        expected = [run for run in runs if run[name] in two]
        assert client.walk("/runs", **{name: two}) == expected
        both = [run for run in runs[5:65:3] if run[name] in two]
        assert client.json("/runs", uid=some, limit=100, **{name: two}) == both
    wrong = client.get("/runs", params={"status": ["SUCCEEDED", "finished"]})
    assert wrong.status_code == 400
    every = [run["uid"] for run in runs[:100]]
    assert client.json("/runs", uid=every, limit=100) == runs[:100]


@pytest.mark.parametrize(
    ("path", "names"),
    [("/schedules", ("uid", "user_uid", "status")), ("/runs/callbacks", ("run_uid", "status"))],
)
def test_filters_of_schedules_and_callbacks(
    client: Client, sandbox: FaultySandbox, path: str, names: tuple[str, ...]
) -> None:
    sandbox.world.advance(days=2)
    found = client.walk(path)
    for name in names:
        wanted: Any = ([found[0][name]], [found[0][name], found[-1][name]], ["nothing"])
        for values in wanted:
            expected = [each for each in found if each[name] in values]
            assert client.walk(path, **{name: values}) == expected


def test_errors_and_their_bodies(client: Client, sandbox: FaultySandbox) -> None:
    world = sandbox.world
    world.dialect = dataclasses.replace(PLAIN, error_body="html")
    uid = biggest(world, client.workspace)["uid"]
    retry = next(job for job in world.all_jobs(client.workspace) if job["main_job_uid"])["uid"]
    bad = [
        *[f"/runs?limit={limit}" for limit in ("0", "101", "-1", "x", "", "9" * 5000)],
        "/runs?offset=-1", f"/runs?offset={'9' * 5000}", "/runs?sort=name", "/runs?sort=--status",
        "/runs?status=finished", "/runs?execution_mode=live", "/users?page=0", "/users?page=x",
        "/identities?limit=101", "/identities?offset=-1",
        f"/runs/{uid}/outputs?limit=501", f"/runs/{uid}/outputs?cursor=x",
    ]  # fmt: skip
    missing = [
        "/runs/nobody", "/runs/nobody/outputs", f"/runs/{retry}/outputs",
        "/identities/nobody/integrations/linkedin", "/nothing", "/workflows", "/workspace",
    ]  # fmt: skip
    for path in (*bad, *missing):
        response = client.get(path)
        status, scope = (400, "param") if path in bad else (404, "input")
        body = response.json()
        assert (response.status_code, body["error_scope"]) == (status, scope), path
        assert body["status_code"] == status
        assert set(body) == {
            "error_label", "error_scope", "error_ref", "message", "status_code", "params",
        }  # fmt: skip
        assert body["error_ref"].startswith("ERR-")
    assert client.post("/runs").json()["status_code"] == 405
    with Client(sandbox, world.workspaces[1]) as stranger:
        assert stranger.get(f"/runs/{uid}/outputs").json()["error_label"] == "NOT_FOUND"


def test_keys_and_generations(client: Client, sandbox: FaultySandbox) -> None:
    world, workspace = sandbox.world, client.workspace

    def statuses() -> tuple[int, int]:
        old = v3_get(sandbox, workspace, "/workspace")
        return old.status_code, client.get("/workspaces").status_code

    assert sandbox.base_url_of("v3") == sandbox.base_url
    assert statuses() == (200, 200)
    world.limit_generation(workspace, "v3")
    assert statuses() == (200, 401)
    world.limit_generation(workspace, "v4")
    assert statuses() == (401, 200)
    world.limit_generation(workspace, None)
    world.revoke(workspace)
    assert statuses() == (401, 401)
    refused = client.get("/runs").json()
    assert (refused["error_label"], refused["error_scope"]) == ("UNAUTHORIZED", "auth")
    world.restore(workspace)
    with pytest.raises(ValueError, match="unknown generation"):
        world.limit_generation(workspace, "v5")  # type: ignore[arg-type]
    url = f"{sandbox.base_url_of('v4')}/workspaces"
    for headers in ({}, {"Authorization": f"x-api-key {workspace.api_key}"}, {"X-API-Key": "no"}):
        assert httpx.get(url, headers=headers, trust_env=False).status_code == 401


def follow(client: Client, path: str, **params: Any) -> tuple[list[httpx.Response], list[Json]]:
    """Follow the header in all its styles; return all answers and all rows."""
    answers = [client.get(path, params=params)]
    while (link := answers[-1].headers.get(NEXT, "null")) != "null":
        if "/" in link:
            answers.append(client.get(httpx.URL(str(client.base_url)).join(link)))
        else:
            answers.append(client.get(path, params={**params, "cursor": link}))
        assert answers[-1].json()
    return answers, [row for answer in answers for row in answer.json()]


@pytest.mark.parametrize("style", ["absolute", "relative", "cursor"])
@pytest.mark.parametrize("end", ["absent", "null"])
def test_outputs_are_the_results(
    client: Client, sandbox: FaultySandbox, style: Any, end: Any
) -> None:
    world, workspace = sandbox.world, client.workspace
    world.dialect = dataclasses.replace(PLAIN, outputs_next_style=style, outputs_end=end)
    run = biggest(world, workspace)
    path = f"/runs/{run['uid']}/outputs"
    answers, rows = follow(client, path, limit=100)
    assert [len(answer.json()) for answer in answers[:-1]] == [20] * (len(answers) - 1)
    assert len(answers) == -(-run["output_count"] // 20) > 2
    assert rows == world.results(workspace, run["uid"])
    assert answers[-1].headers.get(NEXT) == (None if end == "absent" else "null")
    link = answers[0].headers[NEXT]
    assert link.startswith(sandbox.base_url_of("v4")) == (style == "absolute")
    assert link.startswith("/v4/runs/") == (style == "relative")
    assert ("limit=100&cursor=" in link) == (style != "cursor")
    small, same = follow(client, path, limit=7)
    assert (len(small[0].json()), same) == (7, rows)
    v3 = v3_get(sandbox, workspace, f"/jobs/{run['uid']}/results").content
    assert v3.startswith(b'{"results":' + client.get(path).content)


def test_outputs_of_every_run(client: Client, sandbox: FaultySandbox) -> None:
    sandbox.world.dialect = dataclasses.replace(PLAIN, outputs_page_size=100)
    for run in sandbox.world.v4.runs(client.workspace):
        if run["execution_mode"] == "ASYNC":
            _, rows = follow(client, f"/runs/{run['uid']}/outputs")
            assert rows == sandbox.world.results(client.workspace, run["uid"])
            assert len(rows) == run["output_count"]


def test_workspace_and_members_are_those_of_v3(client: Client, sandbox: FaultySandbox) -> None:
    world, workspace = sandbox.world, client.workspace
    body, old = client.json("/workspaces"), world.workspace_object(workspace)
    assert body == world.v4.workspace_object(workspace)
    assert (body["uid"], body["name"], body["plan_name"]) == (
        workspace.uid, old["name"], old["plan_name"],
    )  # fmt: skip
    for what in ("left", "max", "used"):
        assert body[f"credits_{what}"] == old[f"tasks_{what}"]
    for key in ("current_month_start", "current_month_end"):
        assert moment(body[key]) == moment(old[key])
    assert body["identities_synced"] == len(world.v4.identities(workspace))
    assert body["identities_remaining"] == body["identities_included"] - body["identities_synced"]

    pages = [client.json("/users", page=page) for page in (1, 2, 3)]
    members = [member for page in pages for member in page]
    assert [len(page) for page in pages[:2]] == [30, 30]
    assert client.json("/users") == pages[0]
    assert members == world.v4.members(workspace)
    shared = ("uid", "email", "first_name", "last_name", "full_name")
    assert [[member[key] for key in shared] for member in members] == [
        [member[key] for key in shared] for member in world.users(workspace)
    ]
    assert members[0]["role"] == "owner"
    assert {member["role"] for member in members} == {"owner", "external", "user", "ops", "admin"}
    assert client.json("/users", page=4) == []
    world.dialect = dataclasses.replace(PLAIN, members_end="repeat_last")
    assert client.json("/users", page=9) == pages[2]


def test_identities_and_their_integrations(client: Client, sandbox: FaultySandbox) -> None:
    world, workspace = sandbox.world, client.workspace
    identities = client.walk("/identities", limit=10)
    assert identities == world.v4.identities(workspace)
    assert 20 < len(identities) <= 40
    assert set(identities[0]) == {
        "uid", "created_at", "workspace_uid", "name", "timezone", "type", "integrations",
        "identity_login_links",
    }  # fmt: skip
    details = [
        client.json(f"/identities/{identity['uid']}/integrations/{each['name']}")
        for identity in identities
        for each in identity["integrations"]
    ]
    assert details == world.v4.identity_integrations(workspace)
    assert {frozenset(each) for each in details} == {frozenset(INTEGRATION_FIELDS)}
    without = next(identity for identity in identities if not identity["integrations"])
    for name in (*PERMALINKS, "nothing"):
        answer = client.get(f"/identities/{without['uid']}/integrations/{name}")
        assert answer.json()["error_label"] == "NOT_FOUND"


def test_identities_change_with_the_clock(sandbox: FaultySandbox) -> None:
    world = sandbox.world
    for workspace in world.workspaces:
        world.now = world.start
        uids: list[set[str]] = []
        states: list[dict[str, Json]] = []
        for days in (0, 1.6, 2.4):
            world.advance(days=days)
            identities = world.v4.identities(workspace)
            uids.append({identity["uid"] for identity in identities})
            integrations = world.v4.identity_integrations(workspace)
            states.append({each["uid"]: each for each in integrations})
            listed = {each["uid"]: each["status"] for identity in identities
                      for each in identity["integrations"]}  # fmt: skip
            assert listed == {uid: each["status"] for uid, each in states[-1].items()}
        assert (len(uids[1] - uids[0]), len(uids[0] - uids[1])) == (1, 0)
        assert (len(uids[2] - uids[1]), len(uids[1] - uids[2])) == (0, 1)
        changed = {
            (before[uid]["status"], after[uid]["status"])
            for before, after in ((states[0], states[1]), (states[1], states[2]))
            for uid in before.keys() & after.keys()
            if before[uid] != after[uid]
        }
        assert changed >= {
            ("VALID", "INVALID"), ("PENDING", "VALID"), ("VALID", "LIMIT_REACHED"),
        }  # fmt: skip
        broken = [each for each in states[1].values() if each["status"] == "INVALID"]
        assert all(each["error"] and each["updated_at"] for each in broken)


@pytest.mark.parametrize("wrapped", [False, True])
def test_accounts_of_v3(sandbox: FaultySandbox, wrapped: bool) -> None:
    world, workspace = sandbox.world, sandbox.world.workspaces[0]
    world.dialect = dataclasses.replace(PLAIN, accounts_wrapped=wrapped)
    expected = {
        (account["uid"], account["application_permalink"], member["uid"])
        for member in world.users(workspace)
        for account in member["accounts"]
    }
    found = set()
    for name in PERMALINKS:
        body = v3_get(sandbox, workspace, f"/integrations/{name}/accounts").json()
        accounts = body["accounts"] if wrapped else body
        assert accounts == world.accounts(workspace, name)
        found |= {(each["uid"], each["integration"], each["user_uid"]) for each in accounts}
    assert found == expected
    assert v3_get(sandbox, workspace, "/integrations/nothing/accounts").status_code == 404


def test_secrets_are_planted_and_marked(client: Client, sandbox: FaultySandbox) -> None:
    world = sandbox.world
    shown = set(world.secrets())
    assert len(shown) > 50
    assert all(SECRET_MARKER in text for text in shown)
    for workspace in world.workspaces:
        for each in world.v4.identity_integrations(workspace):
            for key in ("meta", "auth_data", "cookies"):
                assert SECRET_MARKER in json.dumps(each[key])
            assert SECRET_MARKER not in json.dumps(
                {k: v for k, v in each.items() if k not in {"meta", "auth_data", "cookies"}}
            )
        assert any(identity["identity_login_links"] for identity in world.v4.identities(workspace))
        for path in ("/runs", "/users", "/workspaces"):
            assert SECRET_MARKER not in client.get(path).text
    assert SECRET_MARKER in v3_get(sandbox, client.workspace, "/integrations/google/accounts").text


def test_limits_of_runs_and_of_the_rest() -> None:
    now = [1000.0]
    world = World(days=10, workflows=1, dialect=PLAIN)
    limit = RateLimit(2, runs=1, clock=lambda: now[0])
    with FaultySandbox(world, rate_limit=limit) as sandbox, Client(sandbox) as client:
        paths = ("/runs", "/runs/nobody", "/users", "/workspaces", "/identities")
        answers = [client.get(path) for path in paths]
        assert [answer.status_code for answer in answers] == [200, 429, 200, 200, 429]
        kinds = [answer.headers["X-RateLimit-Type"] for answer in answers]
        assert kinds == ["runs", "runs", "default", "default", "default"]
        assert [a.headers["X-RateLimit-Remaining"] for a in answers] == ["0", "0", "1", "0", "0"]
        assert answers[1].headers["Retry-After"] == "60"
        body = answers[1].json()
        assert (body["error_label"], body["error_scope"]) == ("RATE_LIMITED", "server")
        old = v3_get(sandbox, client.workspace, "/workspace")
        assert (old.status_code, old.headers["X-RateLimit-Type"]) == (200, "workspace")
        now[0] += 60
        limit.runs = None
        assert [client.get("/runs").status_code for _ in range(3)] == [200, 200, 429]


def test_log_and_faults_know_the_workspace_by_its_key(
    client: Client, sandbox: FaultySandbox
) -> None:
    uid = client.workspace.uid
    sandbox.faults.add(Fault(match="^/v4/users", kind="status", workspace=uid, times=1))
    with Client(sandbox, sandbox.world.workspaces[1]) as neighbour:
        answers = [each.get("/users") for each in (neighbour, client, client)]
    assert [answer.status_code for answer in answers] == [200, 503, 200]
    assert answers[1].json()["error_label"] == "SERVER_ERROR"
    entries = sandbox.log.entries
    assert [entry.workspace_uid == uid for entry in entries] == [False, True, True]
    assert [entry.status for entry in entries] == [200, 503, 200]
    assert entries[0].path == "/v4/users"
    assert client.workspace.api_key not in repr(entries)


@pytest.mark.parametrize("style", ["absolute", "relative", "cursor"])
def test_faults_of_next(client: Client, sandbox: FaultySandbox, style: Any) -> None:
    sandbox.world.dialect = dataclasses.replace(PLAIN, outputs_next_style=style)
    path = f"/runs/{biggest(sandbox.world, client.workspace)['uid']}/outputs"
    right = client.get(path)
    second = client.get(path, params={"cursor": right.headers[NEXT]}) if style == "cursor" else (
        client.get(httpx.URL(sandbox.root_url).join(right.headers[NEXT]))
    )  # fmt: skip
    sandbox.faults.add(Fault(match="/outputs$", kind="foreign_next", times=1))
    astray = client.get(path)
    assert astray.headers[NEXT].startswith("https://elsewhere.invalid/v4/")
    assert astray.content == right.content
    sandbox.faults.add(Fault(match="/outputs$", kind="loop_next"))
    link = client.get(path, params={"limit": 20}).headers[NEXT]
    again = client.get(path, params={"cursor": link}) if style == "cursor" else (
        client.get(httpx.URL(sandbox.root_url).join(link))
    )  # fmt: skip
    assert again.headers[NEXT] == link
    assert again.content == right.content
    assert client.get(str(second.request.url)).content == second.content
    assert client.json("/workspaces")
    sandbox.faults.clear()
    sandbox.faults.add(Fault(match="/outputs$|/runs$", kind="repeat"))
    assert client.get(str(second.request.url)).content == right.content
    assert client.json("/runs", limit=5, offset=5) == sandbox.world.v4.runs(client.workspace)[:10]


def test_the_list_moves_while_it_is_read(client: Client, sandbox: FaultySandbox) -> None:
    world, paths = sandbox.world, []

    def move(path: str) -> None:
        paths.append(path)
        world.advance(hours=8)

    first = client.json("/runs", limit=20)
    sandbox.before_request = move
    second = client.json("/runs", limit=20, offset=20)
    assert paths == ["/v4/runs"]
    assert {run["uid"] for run in first} & {run["uid"] for run in second}
    assert second == world.v4.runs(client.workspace)[20:40]


def test_a_run_is_removed() -> None:
    world = World(7, dialect=PLAIN, **OPTIONS)
    with FaultySandbox(world) as sandbox, Client(sandbox) as client:
        runs = client.walk("/runs")
        uid = runs[3]["uid"]
        world.v4.remove_run(client.workspace, uid)
        assert client.walk("/runs") == runs[:3] + runs[4:] == world.v4.runs(client.workspace)
        assert [client.get(f"/runs/{uid}{end}").status_code for end in ("", "/outputs")] == [
            404
        ] * 2
        assert client.json("/runs", uid=uid) == []
        assert world.v4.run(client.workspace, uid) is None
        with pytest.raises(NotFoundError):
            world.v4.remove_run(client.workspace, uid)


@pytest.mark.parametrize("style", ["offset", "zulu"])
def test_times_have_an_offset_and_microseconds(sandbox: FaultySandbox, style: Any) -> None:
    world, workspace = sandbox.world, sandbox.world.workspaces[0]
    plain = world.v4.runs(workspace)
    world.dialect = dataclasses.replace(PLAIN, v4_time_style=style)
    for run, same in zip(world.v4.runs(workspace), plain, strict=True):
        for key in ("created_at", "updated_at", "started_at", "finished_at"):
            assert moment(run[key]) == moment(same[key])
            assert (run[key] or "Z").endswith("Z" if style == "zulu" else ("+00:00", "Z"))
    assert any("." in run["created_at"] for run in plain)


def test_dialects_of_a_dozen_seeds_bring_every_variant_of_v4() -> None:
    dialects = [Dialect.from_seed(seed) for seed in range(12)]
    for field, count in (
        ("v4_time_style", 2), ("outputs_next_style", 3), ("outputs_end", 2), ("members_end", 2),
        ("accounts_wrapped", 2), ("outputs_page_size", 3),
    ):  # fmt: skip
        assert len({getattr(dialect, field) for dialect in dialects}) == count


def test_how_the_clock_moved_does_not_matter_to_v4() -> None:
    steps, leap = World(5, **OPTIONS), World(5, **OPTIONS)
    for _ in range(8):
        steps.advance(hours=12)
        steps.v4.runs(steps.workspaces[0])
    leap.advance(days=4)
    for workspace in leap.workspaces:
        assert steps.v4.runs(workspace) == leap.v4.runs(workspace)
        assert steps.v4.identity_integrations(workspace) == leap.v4.identity_integrations(workspace)
        assert steps.v4.members(workspace) == leap.v4.members(workspace)


def test_example_secrets_of_both_generations(sandbox: FaultySandbox) -> None:
    text = example_secrets(sandbox.world, sandbox.base_url, sandbox.base_url_of("v4"))
    old, new = tomllib.loads(text)["sources"]["captaindata"]["workspaces"]
    assert (old["base_url"], "api_version" in old) == (sandbox.base_url, False)
    assert (new["base_url"], new["api_version"]) == (sandbox.base_url_of("v4"), "v4")
    answer = httpx.get(
        f"{new['base_url']}/workspaces", headers={"X-API-Key": new["api_key"]}, trust_env=False
    )
    assert answer.json()["uid"] == new["project_uid"]


def test_flow_runs_and_their_outputs(sandbox: FaultySandbox, client: Client) -> None:
    world, workspace = sandbox.world, client.workspace
    runs = client.walk("/flows/runs")
    assert runs == world.flows.runs(workspace)
    created = [run["created_at"] for run in runs]
    assert created == sorted(created, reverse=True)
    assert client.walk("/flows/runs", sort="created_at") == runs[::-1]
    assert len(client.json("/flows/runs")) == 10
    for query in ({"limit": 101}, {"limit": 0}, {"offset": -1}, {"sort": "-updated_at"}):
        assert client.get("/flows/runs", params=query).status_code == 400
    ended = next(run for run in runs if run["status"] == "SUCCEEDED")
    path = f"/flows/runs/{ended['uid']}/outputs"
    outputs = [json.loads(row) for row in world.flows.outputs(workspace, ended["uid"])]
    assert client.json(path, limit=1000) == outputs
    assert client.json(path, limit=3, offset=2) == outputs[2:5]
    assert client.get(path, params={"limit": 1001}).status_code == 400
    assert client.get("/flows/runs/none/outputs").status_code == 404
    made = next(run for run in world.v4.runs(workspace) if run["flow_run_id"])
    maker = next(run for run in runs if run["uid"] == made["flow_run_id"])
    assert maker["created_at"] <= made["created_at"]
    found = client.walk("/runs", flow_run_id=maker["uid"])
    assert made in found
    assert {run["flow_run_id"] for run in found} == {maker["uid"]}
