"""The sandbox over HTTP: the contract of the API, its open questions, its limits and its faults."""

from __future__ import annotations

import dataclasses
import threading
import time
import tomllib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import pytest

from captaindata_source.sandbox import (
    Dialect,
    RateLimit,
    Sandbox,
    Workspace,
    World,
    example_secrets,
    serve,
)
from tests.support.faults import Fault, Faults
from tests.support.faulty_sandbox import FaultySandbox

Json = dict[str, Any]
PLAIN = Dialect(jobs_page_size=10, results_page_size=20)


class Client(httpx.Client):
    """A client of one workspace of a sandbox."""

    def __init__(self, sandbox: Sandbox, workspace: Workspace | None = None) -> None:
        self.workspace = workspace or sandbox.world.workspaces[0]
        headers = {
            "Authorization": f"x-api-key {self.workspace.api_key}",
            "x-project-id": self.workspace.uid,
        }
        super().__init__(base_url=sandbox.base_url, headers=headers, trust_env=False, timeout=300)

    def json(self, path: str, **params: Any) -> Any:
        response = self.get(path, params=params or None)
        assert response.status_code == 200, (path, response.status_code, response.text)
        assert response.headers["content-type"] == "application/json"
        return response.json()


@pytest.fixture(scope="module")
def server() -> Iterator[FaultySandbox]:
    world = World(7, days=15, workflows=5, jobs_per_day=1.0, mean_results=25, dialect=PLAIN)
    with FaultySandbox(world) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(server: FaultySandbox) -> Iterator[FaultySandbox]:
    """The module's server, in its first state."""
    server.world.dialect = PLAIN
    server.world.now = server.world.start
    server.faults.clear()
    server.log.clear()
    yield server
    server.faults.clear()


@pytest.fixture
def client(sandbox: FaultySandbox) -> Iterator[Client]:
    with Client(sandbox) as client:
        yield client


def plain_get(url: str, **options: Any) -> httpx.Response:
    """Send one request without a workspace's client."""
    return httpx.get(url, trust_env=False, **options)


def longest(world: World, workspace: Workspace) -> tuple[str, list[Json]]:
    """Return the workflow with the most jobs, and its jobs."""
    lists = {
        workflow["uid"]: world.listed_jobs(workspace, workflow["uid"])
        for workflow in world.workflows(workspace)
    }
    uid = max(lists, key=lambda uid: len(lists[uid]))
    return uid, lists[uid]


def biggest(world: World, workspace: Workspace) -> str:
    """Return the job with the most rows."""
    jobs = world.all_jobs(workspace)
    uid: str = max(jobs, key=lambda job: job["row_count"] or 0)["uid"]
    return uid


def walk_results(client: Client, job_uid: str) -> tuple[list[Json], Json]:
    """Follow `next` in all its styles; return all rows and the last page."""
    path = f"/jobs/{job_uid}/results"
    page = client.json(path)
    rows: list[Json] = page["results"]
    while page.get("paging", {}).get("have_next_page"):
        link = page["paging"]["next"]
        if "/" in link:
            response = client.get(httpx.URL(str(client.base_url)).join(link))
            page = response.raise_for_status().json()
        else:
            page = client.json(path, cursor=link)
        assert page["results"]
        rows += page["results"]
    return rows, page


def test_workspace_and_workflows(client: Client, sandbox: FaultySandbox) -> None:
    world, workspace = sandbox.world, client.workspace
    body = client.json("/workspace")
    assert body == world.workspace_object(workspace)
    assert set(body) == {
        "name", "email", "plan_name", "current_month_start", "current_month_end",
        "tasks_left", "tasks_max", "tasks_used",
    }  # fmt: skip
    assert datetime.fromisoformat(body["current_month_start"]).tzinfo is not None
    workflows = client.json("/workflows")
    assert workflows == world.workflows(workspace)
    for workflow in workflows:
        assert set(workflow) == {
            "uid", "name", "created_at", "project_id", "template_uid", "steps",
        }  # fmt: skip
        assert datetime.fromisoformat(workflow["created_at"]).tzinfo is None
        assert all(set(step) == {"name", "step_uid", "uid"} for step in workflow["steps"])
        details = client.json(f"/workflows/{workflow['uid']}/details")
        assert details == world.details(workspace, workflow["uid"])
        assert set(details) == {"name", "uid", "steps"}
        for step in details["steps"]:
            assert set(step) == {
                "step_uid", "step_name", "position", "permalink", "integrations",
                "input_schema", "output_schema", "parameters_schema",
            }  # fmt: skip


def test_users_are_paged_by_thirty(client: Client, sandbox: FaultySandbox) -> None:
    members = sandbox.world.users(client.workspace)
    pages = [client.json("/users")]
    while url := pages[-1]["paging"]["next"]:
        assert url.startswith(sandbox.base_url)
        pages.append(client.get(url).json())
    assert len(pages) == pages[0]["pages"] == 3
    assert [len(page["users"]) for page in pages[:2]] == [30, 30]
    assert [user for page in pages for user in page["users"]] == members
    assert {(p["nbr_users"], p["limit"]) for p in pages} == {(len(members), 30)}
    assert pages[0]["paging"]["previous"] is None
    assert pages[1]["paging"]["previous"].endswith("page=0")
    assert client.json("/users", page=3)["users"] == []
    assert set(members[0]) == {
        "uid", "email", "first_name", "last_name", "full_name", "country", "project_uid",
        "accounts",
    }  # fmt: skip
    body = client.json("/users", retrieve_accounts="false", page=0)
    assert all("accounts" not in user for user in body["users"])
    assert "retrieve_accounts=false" in body["paging"]["next"]
    owners = client.json("/users", role="owner")
    assert owners["users"] == sandbox.world.users(client.workspace, role="owner")
    assert (len(owners["users"]), owners["paging"]["next"]) == (1, None)


def test_a_job(client: Client, sandbox: FaultySandbox) -> None:
    job = sandbox.world.all_jobs(client.workspace)[0]
    assert client.json(f"/jobs/{job['uid']}") == job


@pytest.mark.parametrize("order", ["newest", "oldest", "uid"])
@pytest.mark.parametrize("end", ["empty", "repeat_last", "ignore_page", "not_found"])
def test_job_lists(client: Client, sandbox: FaultySandbox, order: Any, end: Any) -> None:
    world = sandbox.world
    uid, jobs = longest(world, client.workspace)
    path = f"/workflows/{uid}/jobs"
    world.dialect = dataclasses.replace(PLAIN, jobs_order=order, jobs_end=end)
    expected = {
        "newest": jobs,
        "oldest": jobs[::-1],
        "uid": sorted(jobs, key=lambda job: str(job["uid"])),
    }[order]
    if end == "ignore_page":
        assert client.json(path) == client.json(path, page=1) == expected
        return
    count = -(-len(jobs) // 10)
    assert count >= 2
    pages = [client.json(path, page=page) for page in range(count)]
    assert [job for page in pages for job in page] == expected
    assert client.json(path) == pages[0]
    past = client.get(path, params={"page": count})
    if end == "not_found":
        assert past.status_code == 404
    else:
        assert past.json() == ([] if end == "empty" else pages[-1])


@pytest.mark.parametrize("style", ["absolute", "relative", "cursor"])
@pytest.mark.parametrize("end", ["null", "no_paging", "no_next"])
@pytest.mark.parametrize("ascii_json", [False, True])
def test_results(
    client: Client, sandbox: FaultySandbox, style: Any, end: Any, ascii_json: bool
) -> None:
    world = sandbox.world
    world.dialect = dataclasses.replace(
        PLAIN, next_style=style, results_end=end, ascii_json=ascii_json
    )
    uid = biggest(world, client.workspace)
    first = client.json(f"/jobs/{uid}/results")
    link = first["paging"]["next"]
    assert len(first["results"]) == 20
    assert first["paging"]["previous"] is None
    assert link.startswith(sandbox.base_url) == (style == "absolute")
    assert link.startswith("/v3/jobs/") == (style == "relative")
    rows, last = walk_results(client, uid)
    assert rows == world.results(client.workspace, uid)
    if end == "no_paging":
        assert set(last) == {"results"}
    else:
        assert last["paging"]["have_next_page"] is False
        assert ("next" in last["paging"]) == (end == "null")
        assert last["paging"].get("next") is None
    content = client.get(f"/jobs/{uid}/results").content
    assert content.isascii() == ascii_json


def test_results_of_every_job_equal_what_the_world_holds(
    client: Client, sandbox: FaultySandbox
) -> None:
    sandbox.world.advance(days=2.5)
    sandbox.world.dialect = dataclasses.replace(PLAIN, results_page_size=120)
    empty = 0
    for job in sandbox.world.all_jobs(client.workspace):
        rows, last = walk_results(client, job["uid"])
        assert rows == sandbox.world.results(client.workspace, job["uid"])
        empty += not rows
        if not rows:
            assert last["paging"] == {"previous": None, "next": None, "have_next_page": False}
    assert empty


def test_the_clock_moves_while_it_serves(client: Client, sandbox: FaultySandbox) -> None:
    world = sandbox.world
    before = {workflow["uid"] for workflow in client.json("/workflows")}
    assert {w["uid"] for w in client.json("/workflows")} == before
    world.advance(days=2)
    after = {workflow["uid"] for workflow in client.json("/workflows")}
    (gone,), (fresh,) = before - after, after - before
    assert client.get(f"/workflows/{gone}/details").status_code == 404
    assert client.get(f"/workflows/{gone}/jobs").status_code == 404
    orphan = next(j for j in world.all_jobs(client.workspace) if j["workflow_uid"] == gone)
    assert client.json(f"/jobs/{orphan['uid']}") == orphan
    assert client.json(f"/workflows/{fresh}/jobs")


def test_both_forms_of_the_key(sandbox: FaultySandbox) -> None:
    workspace = sandbox.world.workspaces[0]
    url = f"{sandbox.base_url}/workspace"
    for name, value in (
        ("Authorization", f"x-api-key {workspace.api_key}"),
        ("x-api-key", workspace.api_key),
    ):
        response = plain_get(url, headers={name: value, "x-project-id": workspace.uid})
        assert response.status_code == 200


def test_who_may_not_come_in(sandbox: FaultySandbox) -> None:
    mine, other = sandbox.world.workspaces

    def status(key: str | None, project: str | None) -> int:
        headers = {"x-api-key": key, "x-project-id": project}
        sent = {name: value for name, value in headers.items() if value is not None}
        return plain_get(f"{sandbox.base_url}/workflows", headers=sent).status_code

    assert status(mine.api_key, mine.uid) == 200
    assert status("sandbox-wrong", mine.uid) == 401
    assert status(None, mine.uid) == 401
    assert status(mine.api_key, other.uid) == 403
    assert status(mine.api_key, "nobody") == 403
    assert status(mine.api_key, None) == 403
    sandbox.world.revoke(mine)
    assert status(mine.api_key, mine.uid) == 401
    assert status(other.api_key, other.uid) == 200
    sandbox.world.restore(mine)
    assert status(mine.api_key, mine.uid) == 200


def test_errors_and_their_bodies(client: Client, sandbox: FaultySandbox) -> None:
    world = sandbox.world
    uid = biggest(world, client.workspace)
    with Client(sandbox, world.workspaces[1]) as stranger:
        assert stranger.get(f"/jobs/{uid}/results").status_code == 404
    for form, media in (
        ("json", "application/json"),
        ("text", "text/plain"),
        ("html", "text/html"),
    ):
        world.dialect = dataclasses.replace(PLAIN, error_body=form)  # type: ignore[arg-type]
        for method, path, status in (
            ("GET", "/jobs/nobody", 404),
            ("GET", "/jobs/nobody/results", 404),
            ("GET", "/workflows/nobody/details", 404),
            ("GET", "/workflows/nobody/jobs", 404),
            ("GET", "/nothing", 404),
            ("GET", "/users?page=-1", 400),
            ("GET", f"/jobs/{uid}/results?cursor=x", 400),
            ("GET", f"/jobs/{uid}/results?cursor=%C3%A9", 400),
            ("POST", "/workflows", 405),
            ("DELETE", f"/jobs/{uid}", 405),
        ):
            response = client.request(method, path)
            assert response.status_code == status, (method, path)
            assert response.headers["content-type"].startswith(media)


def test_log_of_requests(client: Client, sandbox: FaultySandbox) -> None:
    client.json("/users", page=1)
    client.get("/jobs/nobody")
    plain_get(f"{sandbox.base_url}/workspace")
    one, two, three = sandbox.log.entries
    assert (one.method, one.path, one.query, one.status) == ("GET", "/v3/users", "page=1", 200)
    assert (one.workspace, one.workspace_uid) == ("Acme Growth", client.workspace.uid)
    assert (two.status, three.status, three.workspace) == (404, 401, None)
    assert one.monotonic < two.monotonic < three.monotonic
    assert "sandbox-" not in repr(sandbox.log.entries)
    sandbox.log.clear()
    assert sandbox.log.entries == []


def test_rate_limit_is_per_workspace_and_rolls() -> None:
    now = [1000.0]
    world = World(days=10, workflows=1, dialect=PLAIN)
    limit = RateLimit(3, clock=lambda: now[0])
    with FaultySandbox(world, rate_limit=limit) as sandbox, Client(sandbox) as client:
        left = []
        for _ in range(3):
            response = client.get("/workspace")
            assert response.status_code == 200
            assert response.headers["X-RateLimit-Type"]
            reset = float(response.headers["X-RateLimit-Reset"])
            assert 0 < reset - time.time() < 62
            left.append(response.headers["X-RateLimit-Remaining"])
            now[0] += 10
        assert left == ["2", "1", "0"]
        refused = client.get("/workspace")
        assert refused.status_code == 429
        assert refused.headers["Retry-After"] == "30"
        assert refused.headers["X-RateLimit-Remaining"] == "0"
        world.dialect = dataclasses.replace(
            PLAIN, reset_style="seconds", retry_after_style="date", error_body="html"
        )
        refused = client.get("/workspace")
        assert refused.headers["X-RateLimit-Reset"] == "30"
        date = parsedate_to_datetime(refused.headers["Retry-After"])
        assert 25 < (date - datetime.now(UTC)).total_seconds() < 35
        with Client(sandbox, world.workspaces[1]) as neighbour:
            assert neighbour.get("/workspace").status_code == 200
        now[0] += 30
        assert client.get("/workspace").status_code == 200
        assert client.get("/workspace").status_code == 429
        limit.limit = 10
        assert client.get("/jobs/nobody").headers["X-RateLimit-Remaining"] == "6"


def test_without_a_limit_there_are_no_headers(client: Client) -> None:
    assert not [name for name in client.get("/workspace").headers if "ratelimit" in name]


def test_fault_status(client: Client, sandbox: FaultySandbox) -> None:
    sandbox.faults.add(
        Fault(
            match="/workspace$", kind="status", status=429, headers={"Retry-After": "2"}, times=1
        ),
        Fault(match="/workspace$", kind="status", body="down for repair", skip=1, times=2),
    )
    answers = [client.get("/workspace") for _ in range(5)]
    assert [answer.status_code for answer in answers] == [429, 200, 503, 503, 200]
    assert answers[0].headers["Retry-After"] == "2"
    assert answers[2].text == "down for repair"
    assert client.get("/users").status_code == 200
    assert [entry.status for entry in sandbox.log.entries] == [429, 200, 503, 503, 200, 200]


@pytest.mark.parametrize(
    ("kind", "error", "logged"),
    [
        ("reset", httpx.ReadError, 0),
        ("reset_body", httpx.ReadError, 200),
        ("cut", httpx.RemoteProtocolError, 200),
    ],
)
def test_faults_of_the_connection(
    client: Client, sandbox: FaultySandbox, kind: Any, error: type[Exception], logged: int
) -> None:
    for _ in range(3):
        sandbox.faults.add(Fault(match="/users$", kind=kind, times=1))
        assert client.get("/workspace").status_code == 200
        with pytest.raises(error):
            client.get("/users")
    assert client.get("/users").status_code == 200
    assert [e.status for e in sandbox.log.entries if e.path == "/v3/users"] == [logged] * 3 + [200]


def test_faults_of_the_body(client: Client, sandbox: FaultySandbox) -> None:
    right = client.get("/workflows")

    def wrong(**rule: Any) -> httpx.Response:
        sandbox.faults.add(Fault(match="/workflows$", times=1, **rule))
        return client.get("/workflows")

    broken = wrong(kind="truncate")
    assert broken.content == right.content[: len(right.content) // 2]
    assert int(broken.headers["content-length"]) == len(broken.content)
    page = wrong(kind="html")
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    assert wrong(kind="empty").content == b""
    assert wrong(kind="replace", body='{"odd": NaN}').text == '{"odd": NaN}'
    assert wrong(kind="replace", body=b"\xff\xfe").content == b"\xff\xfe"
    slow = wrong(kind="drip", seconds=0.0, size=500)
    assert slow.json() == right.json()
    moved = wrong(kind="redirect", body="http://elsewhere.invalid/v3/workflows")
    assert (moved.status_code, moved.headers["location"]) == (
        307,
        "http://elsewhere.invalid/v3/workflows",
    )
    assert client.get("/workflows").content == right.content


def test_fault_of_one_workspace(client: Client, sandbox: FaultySandbox) -> None:
    sandbox.faults.add(Fault(match="", kind="status", workspace=client.workspace.uid, times=2))
    with Client(sandbox, sandbox.world.workspaces[1]) as neighbour:
        answers = [each.get("/workspace") for each in (neighbour, client) * 3]
    assert [answer.status_code for answer in answers] == [200, 503, 200, 503, 200, 200]
    assert plain_get(f"{sandbox.base_url}/workspace").status_code == 401


def test_fault_by_chance_is_reproducible() -> None:
    def fired(seed: int, **rule: Any) -> list[bool]:
        faults = Faults([Fault(match="^/v3", kind="reset", chance=0.3, **rule)], seed=seed)
        assert faults.take("/elsewhere") is None
        return [faults.take("/v3/users") is not None for _ in range(2000)]

    assert fired(1) == fired(1) != fired(2)
    assert 500 < sum(fired(1)) < 700
    late = fired(1, skip=100, times=5)
    assert sum(late) == 5
    assert not any(late[:100])
    faults = Faults([Fault(match="", kind="reset", chance=0), Fault(match="", kind="html")])
    assert {fault.kind for _ in range(50) if (fault := faults.take("/v3"))} == {"html"}


def test_fault_bomb(client: Client, sandbox: FaultySandbox) -> None:
    size = 5 * 1024 * 1024 + 7
    sandbox.faults.add(Fault(match="/workflows$", kind="bomb", size=size, times=1))
    answer = client.get("/workflows")
    assert (answer.status_code, answer.headers["content-encoding"]) == (200, "gzip")
    assert int(answer.headers["content-length"]) < size / 900
    assert answer.content == bytes(size)
    assert client.json("/workflows")


def test_fault_repeat(client: Client, sandbox: FaultySandbox) -> None:
    world = sandbox.world
    workflow, _ = longest(world, client.workspace)
    jobs = f"/workflows/{workflow}/jobs"
    first = client.get(jobs), client.get(f"/jobs/{biggest(world, client.workspace)}/results")
    second = first[1].json()["paging"]["next"]
    sandbox.faults.add(Fault(match="", kind="repeat", headers={"x-odd": "1"}))
    again = client.get(jobs, params={"page": 1}), client.get(second)
    assert [answer.content for answer in again] == [answer.content for answer in first]
    assert again[0].headers["x-odd"] == "1"
    sandbox.faults.clear()
    assert client.get(jobs, params={"page": 1}).content != first[0].content
    assert client.get(second).content != first[1].content


@pytest.mark.parametrize("style", ["absolute", "relative", "cursor"])
def test_faults_of_next(client: Client, sandbox: FaultySandbox, style: Any) -> None:
    sandbox.world.dialect = dataclasses.replace(PLAIN, next_style=style, results_end="no_paging")
    path = f"/jobs/{biggest(sandbox.world, client.workspace)}/results"
    sandbox.faults.add(Fault(match="/results$", kind="foreign_next", times=1))
    paging = client.json(path)["paging"]
    assert paging["have_next_page"]
    assert paging["next"].startswith("https://elsewhere.invalid/")
    sandbox.faults.add(Fault(match="/results$", kind="loop_next", skip=1))
    links = []
    link: str | None = None
    for _ in range(4):
        if link is None:
            page = client.json(path)
        elif style == "cursor":
            page = client.json(path, cursor=link)
        else:
            page = client.get(httpx.URL(sandbox.base_url).join(link)).json()
        link = page["paging"]["next"]
        links.append(link)
    assert len(set(links)) == 1
    assert client.json("/workspace")


def test_fault_rules_are_checked() -> None:
    with pytest.raises(ValueError, match="unknown kind"):
        Fault(match=".", kind="explode")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="no regular expression"):
        Fault(match="(", kind="reset")
    with pytest.raises(ValueError, match="not between 0 and 1"):
        Fault(match=".", kind="reset", chance=5)


def test_example_secrets_open_the_sandbox(sandbox: FaultySandbox) -> None:
    secrets = tomllib.loads(example_secrets(sandbox.world, sandbox.base_url))
    tables = secrets["sources"]["captaindata"]["workspaces"]
    assert [table["name"] for table in tables] == ["acme", "northwind"]
    for table in tables:
        headers = {"x-api-key": table["api_key"], "x-project-id": table["project_uid"]}
        assert plain_get(f"{table['base_url']}/workspace", headers=headers).status_code == 200


def test_serve_until_stopped() -> None:
    stop = threading.Event()
    seen: list[tuple[str, datetime, int]] = []

    def announce(running: Sandbox) -> None:
        with Client(running) as client:
            answer = client.get("/workspace")
        seen.append((running.base_url, running.world.now, answer.status_code))
        stop.set()

    serve(port=0, seed=4, days_per_minute=1.0, announce=announce, stop=stop)
    ((url, now, status),) = seen
    assert url.startswith("http://127.0.0.1:")
    assert (now.hour, now.minute, now.second, now.tzinfo) == (0, 0, 0, UTC)
    assert status == 200


def test_stopping_breaks_off_slow_answers(caplog: pytest.LogCaptureFixture) -> None:
    world = World(days=10, workflows=1, dialect=PLAIN)
    faults = Faults([Fault(match="/users$", kind="drip", seconds=60)])
    errors = []

    def read(sandbox: FaultySandbox, begun: threading.Event) -> None:
        with Client(sandbox) as client, client.stream("GET", "/users") as response:
            begun.set()
            try:
                response.read()
            except httpx.TransportError as error:
                errors.append(error)

    with FaultySandbox(world, faults=faults) as sandbox:
        begun = threading.Event()
        reader = threading.Thread(target=read, args=(sandbox, begun))
        reader.start()
        assert begun.wait(300)
    reader.join()
    assert len(errors) == 1
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


def test_a_taken_port_is_an_error(sandbox: FaultySandbox) -> None:
    port = int(sandbox.root_url.rpartition(":")[2])
    with pytest.raises(OSError, match="in use"):
        FaultySandbox(sandbox.world, port=port).start()


def test_connections_are_kept_and_answers_are_fast(client: Client, sandbox: FaultySandbox) -> None:
    sandbox.world.dialect = dataclasses.replace(PLAIN, results_page_size=100)
    path = f"/jobs/{biggest(sandbox.world, client.workspace)}/results"
    client.get(path)

    def elapsed(call: Callable[[], object]) -> float:
        begun = time.perf_counter()
        call()
        return time.perf_counter() - begun

    times = sorted(elapsed(lambda: client.get(path)) for _ in range(20))
    assert times[10] < 0.02
