"""Loads the run that an event names, in a function of a cloud provider: no server of your own.

Written for AWS Lambda, behind a function URL or fed by an SQS queue; other providers call functions
of the same shape. It reads from the environment:

- `EVENT_SECRET`: what senders name in `Authorization: Bearer …`, or as the password of basic
  authentication; at least 16 characters. A queue needs none: the provider says who may write to it.
- `SOURCES__CAPTAINDATA__WORKSPACES`: the workspaces as a JSON list of objects with `name`,
  `api_key`, `project_uid` and other options.
- `DESTINATION__POSTGRES__CREDENTIALS`: the warehouse. A function keeps no files. `WAREHOUSE` names
  another destination than `postgres`, `DATASET` another dataset than `captaindata`.
- `HOME=/tmp` and `DLT_DATA_DIR=/tmp/dlt`: the only folder that it may write.

Give it a minute or more of time, and let one run at a time (reserved concurrency 1, or a FIFO
queue): a second one that loads the same workspace fails, and its event must come again. A scheduled
`captaindata sync` loads what no event told of.
"""

import base64
import hmac
import json
import os
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from captaindata_source import ConfigError, resync

LEAST_SECRET = 16
GOES_ON = ("RUNNING", "PENDING", "CREATED", "SCHEDULED", "QUEUED")
"""Statuses of a run whose end another callback tells of."""


def handler(event: Mapping[str, Any], _context: object) -> dict[str, Any]:
    """Loads the run of a request, or the runs of messages of a queue.

    Args:
        event: A request to `/events/<workspace>`, or messages with such bodies, whose attribute
            `workspace` may name the workspace.

    Returns:
        The answer to the request: 200 once it is loaded, 202 where there is nothing to load. Of a
        queue, the messages that must come again.
    """
    if "Records" in event:
        return {"batchItemFailures": [each for each in map(_failure, event["Records"]) if each]}
    headers = {name.lower(): text for name, text in event.get("headers", {}).items()}
    if not _may_send(headers.get("authorization", "")):
        return {"statusCode": 401}
    body = event.get("body") or ""
    if event.get("isBase64Encoded"):
        body = base64.b64decode(body)
    _, _, workspace = unquote(event.get("rawPath", "")).partition("/events/")
    return {"statusCode": _load(body, workspace)}


def _failure(message: Mapping[str, Any]) -> dict[str, str] | None:
    workspace = message.get("messageAttributes", {}).get("workspace", {}).get("stringValue", "")
    is_loaded = _load(message["body"], workspace) < 500
    return None if is_loaded else {"itemIdentifier": message["messageId"]}


def _may_send(authorization: str) -> bool:
    secret = os.environ.get("EVENT_SECRET", "")
    if len(secret) < LEAST_SECRET:
        raise RuntimeError(f"Set EVENT_SECRET to at least {LEAST_SECRET} random characters")
    scheme, _, given = authorization.partition(" ")
    if scheme.lower() == "basic":
        try:
            given = base64.b64decode(given).decode().partition(":")[2]
        except ValueError:
            return False
    return hmac.compare_digest(given.encode(), secret.encode())


def _load(body: str | bytes, workspace: str) -> int:
    """Loads the run that a body names; returns a status of HTTP."""
    try:
        uid = _run_of(json.loads(body))
    except (ValueError, AttributeError, RecursionError):
        return 400
    if uid is None:
        return 202
    try:
        report = resync(
            jobs=[uid],
            workspaces=[workspace] if workspace else None,
            destination=os.environ.get("WAREHOUSE", "postgres"),
            dataset=os.environ.get("DATASET", "captaindata"),
        )
    except ConfigError as error:
        print(error)
        return 500
    print(report)
    return 200 if report.is_ok else 503


def _run_of(body: Any) -> str | None:
    """The run that a v3 event (`job_uid`) or a v4 callback (`run`) is about, once it ended."""
    run = body.get("run") or {}
    if run.get("status") in GOES_ON:
        return None
    uid = body.get("job_uid") or run.get("run_uid")
    return str(uid) if uid else None
