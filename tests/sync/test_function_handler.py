"""`pipelines/listen/function_handler.py` loads what events name, and asks for nothing else."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import MakeHarness
from tests.support.asked import outputs_of, read_one_by_one, results_of
from tests.support.harness import Harness, Synced
from tests.support.marks import INTEGRATION
from tests.support.oracle import Oracle, assert_equal

FOLDER = Path(__file__).parents[2] / "pipelines" / "listen"
SECRET = "0123456789abcdef"
BEARER = {"Authorization": f"Bearer {SECRET}"}
BASIC = {"authorization": "Basic " + base64.b64encode(f"any:{SECRET}".encode()).decode()}
CALLS = """
import json, sys
from function_handler import handler
for line in sys.stdin:
    answer = handler(json.loads(line), None)
    print("answer", json.dumps(answer))
"""


@pytest.fixture
def harness(make_harness: MakeHarness) -> Harness:
    """A harness over a small world."""
    return make_harness(workflows=3, mean_results=3)


def answers(harness: Harness, *events: dict[str, Any], secret: str = SECRET) -> list[Any]:
    """What the function answers, in one process as a provider keeps it."""
    environment = {
        **harness.environment(data_dir=str(harness.folder / "dlt of the function")),
        "PYTHONPATH": f"{FOLDER.parents[1]}:{FOLDER}",
        "WAREHOUSE": harness.database.name,
        "DATASET": harness.database.dataset,
        "EVENT_SECRET": secret,
    }
    done = subprocess.run(
        [sys.executable, "-c", CALLS],
        input="\n".join(map(json.dumps, events)),
        env=environment,
        cwd=harness.folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert secret not in done.stdout + done.stderr
    found = [line for line in done.stdout.splitlines() if line.startswith("answer ")]
    return [json.loads(line.removeprefix("answer ")) for line in found]


def request(name: str, body: object, headers: dict[str, str]) -> dict[str, Any]:
    return {"rawPath": f"/events/{name}", "headers": headers, "body": json.dumps(body)}


def message(uid: str, body: object, workspace: str | None = None) -> dict[str, Any]:
    attributes = {} if workspace is None else {"workspace": {"stringValue": workspace}}
    return {"messageId": uid, "body": json.dumps(body), "messageAttributes": attributes}


def begun(harness: Harness, version: str) -> tuple[Oracle, str, list[str]]:
    """Syncs, and alters two jobs with results so that no sync would notice."""
    harness.options["api_version"] = version
    oracle = Oracle(harness.world, version)
    oracle.look()
    harness.sync()
    workspace = harness.world.workspaces[0]
    rows = harness.database.execute(
        f"select job_uid from job_results where workspace_uid = '{workspace.uid}' "
        "group by job_uid order by count(*) desc, job_uid limit 2"
    )
    uids = [row["job_uid"] for row in rows]
    for uid in uids:
        harness.database.execute(f"update job_results set data = '{{}}' where job_uid = '{uid}'")
        harness.database.execute(f"update jobs set name = 'altered' where uid = '{uid}'")
    return oracle, harness.config(workspace)["name"], uids


def told(uid: str, version: str, status: str = "SUCCEEDED") -> dict[str, Any]:
    if version == "v3":
        return {"uid": "e", "job_uid": uid, "message": "Job x finished"}
    return {"callback_ref_uid": "c", "run": {"run_uid": uid, "status": status}, "results": None}


@pytest.mark.parametrize(
    ("database", "version"),
    [pytest.param("duckdb", "v3"), pytest.param("postgres", "v4", marks=INTEGRATION)],
    indirect=["database"],
)
def test_the_run_of_a_request_and_of_a_message_is_loaded(harness: Harness, version: str) -> None:
    oracle, name, (first, second) = begun(harness, version)
    harness.sandbox.log.clear()

    found = answers(
        harness,
        request(name, told(first, version), BEARER),
        {"Records": [message("m1", told(second, version)), message("m2", {"identity": "i"})]},
    )

    assert found == [{"statusCode": 200}, {"batchItemFailures": []}]
    asked = Synced(0, {}, "", list(harness.sandbox.log.entries))
    assert read_one_by_one(asked) == sorted([first, second])
    assert results_of(asked) | outputs_of(asked) == {first, second}
    assert_equal(harness, oracle)


@pytest.mark.parametrize("database", ["duckdb"], indirect=True)
def test_what_is_refused_or_is_about_no_run_makes_no_call(harness: Harness) -> None:
    _, name, (uid, _) = begun(harness, "v3")
    harness.sandbox.log.clear()
    wrong = {"Authorization": "Bearer fedcba9876543210"}
    encoded = {
        "rawPath": f"/events/{name}",
        "headers": BASIC,
        "body": base64.b64encode(b'{"event": "AUTH_FAILED"}').decode(),
        "isBase64Encoded": True,
    }

    found = answers(
        harness,
        request(name, told(uid, "v3"), wrong),
        request(name, told(uid, "v3"), {"Authorization": "Basic !"}),
        request(name, told(uid, "v3"), {}),
        {"rawPath": "/"},
        request(name, told(uid, "v4", "RUNNING"), BEARER),
        encoded,
        request(name, [uid], BEARER),
        {**request(name, {}, BEARER), "body": "{"},
        request("nobody", told(uid, "v3"), BEARER),
    )

    codes = [each["statusCode"] for each in found]
    assert codes == [401, 401, 401, 401, 202, 202, 400, 400, 500]
    assert list(harness.sandbox.log.entries) == []


@INTEGRATION
@pytest.mark.parametrize("database", ["duckdb"], indirect=True)
def test_what_is_not_loaded_must_come_again(harness: Harness) -> None:
    _, name, (uid, _) = begun(harness, "v3")

    found = answers(
        harness,
        request(name, told("not-there-yet", "v3"), BEARER),
        {
            "Records": [
                message("m1", told("not-there-yet", "v3"), name),
                message("m2", told(uid, "v3"), name),
            ]
        },
    )

    assert found == [
        {"statusCode": 503},
        {"batchItemFailures": [{"itemIdentifier": "m1"}]},
    ]
