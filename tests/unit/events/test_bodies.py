"""What bodies of events say, whichever way they are written."""

from __future__ import annotations

import json
from typing import Any

import pytest

from captaindata_source.events.bodies import Event, MalformedError, read_event
from captaindata_source.extract.results.redaction import redactor


def read(body: object, **options: Any) -> Event:
    return read_event(json.dumps(body).encode(), redact=redactor(**options) if options else None)


def v3(message: object, error: object = None, **more: object) -> dict[str, object]:
    return {
        "uid": "e",
        "job_uid": "j1",
        "recipe_ref": "j1",
        "workflow_uid": "w1",
        "workflow_name": "Failed leads created",
        "job_name": "success",
        "project_uid": "p",
        "message": message,
        "error": error,
        **more,
    }


@pytest.mark.parametrize(
    ("message", "error", "kind"),
    [
        ('Job "success" finished', None, "job_succeeded"),
        ("Your job Failed leads has succeeded.", None, "job_succeeded"),
        ("Job Created companies completed!", None, "job_succeeded"),
        ("Job x failed", "Invalid cookie", "job_failed"),
        ("Job finished leads failed", None, "job_failed"),
        ("Job x created", None, "job_created"),
        ("Job x was started", None, "job_created"),
        ("Something happened", None, "job_event"),
        ("Something happened", "Boom", "job_failed"),
        ("Something happened", "", "job_event"),
        (None, None, "job_event"),
        ({"text": "finished"}, {"code": 3}, "job_failed"),
    ],
)
def test_events_of_v3(message: object, error: object, kind: str) -> None:
    event = read(v3(message, error))

    assert (event.kind, event.job_uid, event.workflow_uid) == (kind, "j1", "w1")


def test_a_job_that_only_the_recipe_names() -> None:
    body = v3("Job x finished")
    del body["job_uid"]

    assert read(body).job_uid == "j1"
    assert read({**body, "job_uid": None, "recipe_ref": 17}).job_uid == "17"


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("RUNNING", "run_batch"),
        (None, "run_batch"),
        ("SUCCEEDED", "run_final"),
        ("partial_succeeded", "run_final"),
        ("FAILED", "run_final"),
        ("STOPPED", "run_final"),
    ],
)
def test_callbacks(status: str | None, kind: str) -> None:
    run = {"run_uid": "r1", "batch_uid": "b1", "status": status}
    event = read({"callback_ref_uid": "c1", "run": run, "results": [{"a": 1}, {"a": 1}]})

    assert (event.kind, event.job_uid, event.ref) == (kind, "r1", "c1")
    assert event.results == [b'{"a": 1}', b'{"a": 1}']
    assert read({"run": run, "results": None, "error": {"message": "x"}}).results == ()


def test_callbacks_of_older_servers_are_told_apart_by_what_they_say() -> None:
    run: dict[str, Any] = {"run_uid": "r1", "batch_uid": "b1", "status": "RUNNING"}
    first = read({"run": run, "results": [{"a": 1}]})

    assert first.ref == read({"results": [{"a": 1}], "run": run, "input": {}}).ref
    assert first.ref != read({"run": run | {"batch_uid": "b2"}, "results": [{"a": 1}]}).ref
    assert first.ref != read({"run": run, "results": [{"a": 2}]}).ref


def test_results_are_redacted_and_nothing_else_is_kept() -> None:
    event = read(
        {
            "callback_ref_uid": "c1",
            "run": {"run_uid": "r1", "status": "SUCCEEDED"},
            "input": {"email": "i@example.com"},
            "custom_data": {"email": "c@example.com"},
            "results": [{"email": "a@example.com", "name": "Ann", "deep": {"phone": "1"}}],
        },
        exclude=["phone"],
        hashed=["email"],
    )

    [result] = event.results
    assert b"example.com" not in result
    assert b"phone" not in result
    assert json.loads(result)["name"] == "Ann"
    assert "example.com" not in repr(event)


@pytest.mark.parametrize(
    ("body", "kind", "identity"),
    [
        (
            {"event": "AUTH_FAILED", "action_to_be_taken": "RETRY_LOGIN", "identity_uid": "i1"},
            "integration_auth_failed",
            "i1",
        ),
        (
            {"type": "auth_expired", "identity": {"uid": "i2"}},
            "integration_auth_expired",
            "i2",
        ),
        ({"status": "DELETED", "identity": "i3"}, "integration_deleted", "i3"),
        ({"event": "AUTH_SUCCESS"}, "integration_auth_success", None),
    ],
)
def test_events_of_integrations(body: object, kind: str, identity: str | None) -> None:
    event = read(body)

    assert (event.kind, event.identity_uid, event.job_uid) == (kind, identity, None)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"hello": "world"},
        {"job_uid": ""},
        {"job_uid": "../workspaces"},
        {"job_uid": "x" * 500},
        {"run": {}},
        {"run": {"run_uid": "a/b"}},
        {"job_uid": {"a": 1}},
        {"event": "SOMETHING"},
    ],
)
def test_anything_else_is_unknown(body: object) -> None:
    event = read(body)

    assert (event.kind, event.job_uid) == ("unknown", None)
    assert event.results == ()


@pytest.mark.parametrize(
    "body",
    [b"", b"x", b"[]", b"3", b'"text"', b"null", b"{", b'{"run": {', b"\xff\xfe", b"{}{}"],
)
def test_what_is_no_object_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedError, match="The body is not"):
        read_event(body, redact=None)


def test_bodies_that_are_json_only_nearly() -> None:
    run = b'{"callback_ref_uid": "c", "run": {"run_uid": "r", "status": "SUCCEEDED"}, "results": '
    event = read_event(run + rb'[{"a": "x\u0000y", "b": NaN, "c": "\ud83d"}]}', redact=None)

    assert [json.loads(each) for each in event.results] == [
        {"a": "x\ufffdy", "b": "NaN", "c": "\ufffd"}
    ]
    deep = b'{"x": ' + b"[" * 20_000 + b"]" * 20_000 + b"}"
    with pytest.raises(MalformedError):
        read_event(deep, redact=None)
