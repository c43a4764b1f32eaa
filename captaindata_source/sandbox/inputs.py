"""Inputs of jobs, in the forms of v3 and v4; all contain planted secrets."""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random
from typing import Any

from captaindata_source.sandbox.dialect import AwareTimeStyle
from captaindata_source.sandbox.jobs import Job, iso
from captaindata_source.sandbox.planted import secret
from captaindata_source.sandbox.rng import stream, uid
from captaindata_source.sandbox.runs import JobRun
from captaindata_source.sandbox.vocabulary import person, slug

Json = dict[str, Any]

FAULTS = (
    ("PROFILE_NOT_FOUND", "input", "The profile does not exist"),
    ("INVALID_INPUT", "param", "The address is no LinkedIn profile"),
    ("LOGIN_REQUIRED", "integ", "The session has expired"),
)
STATUSES = {
    "SUCCEEDED": ("SUCCEEDED",),
    "PARTIAL_SUCCEEDED": ("SUCCEEDED", "FAILED"),
    "FAILED": ("FAILED",),
    "INVALID": ("FAILED",),
    "BLOCKED": ("BLOCKED",),
    "STOPPED": ("SUCCEEDED", "STOPPED"),
    "RUNNING": ("SUCCEEDED", "RUNNING", "QUEUED"),
    "SCHEDULED": ("SCHEDULED",),
}
"""Status of a run to those of its inputs, in turn; of any other run they are CREATED."""


def run_inputs(
    run: JobRun, day: float, *, seed: int, start: datetime, style: AwareTimeStyle
) -> list[Json]:
    """Return the inputs of a run as v4 lists them."""
    statuses = STATUSES.get(run.status(day), ("CREATED",))
    moment = run.moment(day)

    def time(at: float | None) -> str | None:
        return None if at is None else iso(start + timedelta(days=at), style)

    found = []
    for number in range(run.job.inputs):
        rng = stream(seed, "input", run.uid, number)
        identifier = uid(rng)
        data, custom = _given(rng, number)
        status = statuses[number % len(statuses)]
        has_ended = status in ("SUCCEEDED", "FAILED", "STOPPED")
        found.append(
            {
                "uid": identifier,
                "run_uid": run.uid,
                "status": status,
                "input_data": data,
                "custom_data": custom,
                "last_error": _last_error(rng, number) if status in ("FAILED", "BLOCKED") else None,
                "output_count": int(status == "SUCCEEDED"),
                "retry_count": moment.retry_count,
                "started_at": time(moment.started),
                "finished_at": time(moment.finished) if has_ended else None,
                "created_at": iso(run.created, style),
                "updated_at": time(run.updated(day)),
            }
        )
    return found


def given(seed: int, run_uid: str, number: int) -> tuple[Json, Json | None]:
    """Return what the caller gave as an input of a run: its data, and data of the caller's own."""
    rng = stream(seed, "input", run_uid, number)
    uid(rng)
    return _given(rng, number)


def job_inputs(job: Job, day: float, *, seed: int) -> list[Json]:
    """Return the inputs of a job as v3 lists them."""
    has_failed = job.phase(day).status in ("warning", "shutdown")
    found = []
    for number in range(job.inputs):
        rng = stream(seed, "input", job.uid, number)
        identifier, data = uid(rng), _person(rng, number)
        label, _, message = FAULTS[number % len(FAULTS)]
        error = f"{message} (li_at={secret(rng)})" if has_failed else None
        found.append(
            {
                "uid": identifier,
                "status": "failed" if has_failed else "success",
                "input": data,
                "meta": {"row": number, "session_token": secret(rng)},
                "error_code": label if has_failed else None,
                "error_message": error,
            }
        )
    return found


def _given(rng: Random, number: int) -> tuple[Json, Json | None]:
    data = _person(rng, number)
    if number % 2 == 0:
        return data, None
    return data, {"crm_id": rng.randrange(10**6), "crm_api_key": secret(rng)}


def _person(rng: Random, number: int) -> Json:
    first, last = person(rng)
    handle = f"{slug(first)}-{slug(last)}-{number}"
    return {
        "linkedin_profile_url": f"https://www.linkedin.com/in/{handle}/",
        "email": f"{handle}@example.com",
        "session_cookie": secret(rng),
        "cookies": [{"name": "li_at", "value": secret(rng)}],
    }


def _last_error(rng: Random, number: int) -> Json:
    label, scope, message = FAULTS[number % len(FAULTS)]
    return {
        "has_failed": True,
        "message": f"{message} (li_at={secret(rng)})",
        "scope": scope,
        "label": label,
        "error_ref": f"E-{rng.randrange(10**6):06}",
        "params": {"li_at": secret(rng)},
        "validation_errors": [{"loc": ["cookies"], "input": secret(rng)}],
    }
