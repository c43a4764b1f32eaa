"""What the body of an event says; of its content only results are kept."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec

from captaindata_source.api.documents import decoded
from captaindata_source.api.statuses import FINAL as FINAL_STATUSES
from captaindata_source.api.statuses import RESTING
from captaindata_source.errors import CaptainDataError, ContractError
from captaindata_source.extract.results.redaction import Redactor
from captaindata_source.settings.named_jobs import INTEGRATION

__all__ = ["Event", "MalformedError", "read_event"]

CREATED, SUCCEEDED, FAILED, OTHER = "job_created", "job_succeeded", "job_failed", "job_event"
BATCH, FINAL = "run_batch", "run_final"
UNKNOWN = "unknown"
AUTH_EVENTS = ("AUTH_SUCCESS", "AUTH_PENDING", "AUTH_FAILED", "AUTH_EXPIRED", "DELETED")
MESSAGES = (
    (CREATED, ("created", "started", "launched", "queued")),
    (FAILED, ("failed", "error", "failure")),
    (SUCCEEDED, ("finished", "succeeded", "completed", "success")),
)
"""Words that a sentence of v3 ends or begins with; it has no status."""
MAX_UID = 200


class MalformedError(CaptainDataError):
    """The body is no JSON object."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """An event, without what it carried but results.

    Args:
        kind: See `webhook_events.kind` in `sql/tables.md`.
        ref: Equal for all copies of the event.
        job_uid: The job that it is about.
        workflow_uid: Its workflow.
        identity_uid: The identity that it is about.
        results: Results, each as JSON text, redacted.
    """

    kind: str
    ref: str
    job_uid: str | None = None
    workflow_uid: str | None = None
    identity_uid: str | None = None
    results: Sequence[bytes] = field(default=(), repr=False)


class _Run(msgspec.Struct):
    run_uid: str | int | None = None
    uid: str | int | None = None
    batch_uid: str | int | None = None
    status: str | None = None


class _Body(msgspec.Struct):
    run: msgspec.Raw = msgspec.Raw()
    callback_ref_uid: str | int | None = None
    results: msgspec.Raw = msgspec.Raw()
    job_uid: str | int | None = None
    recipe_ref: str | int | None = None
    workflow_uid: str | int | None = None
    message: msgspec.Raw = msgspec.Raw()
    error: msgspec.Raw = msgspec.Raw()


_decode_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])
_decode_body = msgspec.json.Decoder(_Body)
_decode_run = msgspec.json.Decoder(_Run)
_decode_results = msgspec.json.Decoder(list[msgspec.Raw])
_decode_text = msgspec.json.Decoder(str)
_decode_scalar = msgspec.json.Decoder(str | int)


def read_event(body: bytes, *, redact: Redactor | None) -> Event:
    """Reads an event of whichever kind.

    Args:
        body: As it came.
        redact: Takes from results what must not be stored; None: nothing.

    Raises:
        MalformedError: It is not an object of JSON.
    """
    try:
        found = decoded(_decode_body, body, on_mended=lambda _kind: None)
    except msgspec.ValidationError:
        found = None
    except (msgspec.DecodeError, ValueError, RecursionError):
        raise MalformedError("The body is not JSON") from None
    try:
        if found is not None and _is_object(found.run):
            return _callback(found, redact=redact)
        if found is not None and (job := _uid(found.job_uid) or _uid(found.recipe_ref)):
            return _job_event(found, job, body)
        fields = decoded(_decode_fields, body, on_mended=lambda _kind: None)
    except msgspec.ValidationError:
        raise MalformedError("The body is not an object of JSON") from None
    except (msgspec.DecodeError, ContractError, ValueError, RecursionError):
        raise MalformedError("The body is not JSON") from None
    return _integration_event(fields, body) or Event(kind=UNKNOWN, ref=_digest(body))


def _callback(found: _Body, *, redact: Redactor | None) -> Event:
    run = _decode_run.decode(found.run)
    uid = _uid(run.run_uid) or _uid(run.uid)
    if uid is None:
        return Event(kind=UNKNOWN, ref=_digest(bytes(found.run)))
    results: Sequence[bytes] = ()
    if bytes(memoryview(found.results)[:1]) == b"[":
        results = [bytes(each) for each in _decode_results.decode(found.results)]
    reference = _uid(found.callback_ref_uid)
    if reference is None:  # an older server
        parts = (uid, run.batch_uid, run.status, bytes(found.results))
        reference = _digest(*(part if isinstance(part, bytes) else str(part) for part in parts))
    if redact is not None:
        results = redact(results)
    is_over = run.status in FINAL_STATUSES or run.status in RESTING  # no batch comes after these
    return Event(kind=FINAL if is_over else BATCH, ref=reference, job_uid=uid, results=results)


def _job_event(found: _Body, job: str, body: bytes) -> Event:
    return Event(
        kind=_kind_of(found),
        ref=_digest(body),
        job_uid=job,
        workflow_uid=_uid(found.workflow_uid),
    )


def _kind_of(found: _Body) -> str:
    try:
        message = _decode_text.decode(found.message).lower()
    except msgspec.DecodeError:
        message = ""
    words = message.replace(".", " ").replace("!", " ").split()
    for word in (*reversed(words[-3:]), *words):  # the name of a job may be any word
        for kind, known in MESSAGES:
            if word in known:
                return kind
    has_error = bytes(found.error).strip() not in (b"", b"null", b'""', b"false")
    return FAILED if has_error else OTHER


def _integration_event(fields: dict[str, msgspec.Raw], body: bytes) -> Event | None:
    texts = {name: text for name, raw in fields.items() if (text := _scalar(raw)) is not None}
    said = next((text for text in texts.values() if text.upper() in AUTH_EVENTS), None)
    if said is None:
        return None
    identity = texts.get("identity_uid")
    if identity is None and (raw := fields.get("identity")) is not None:
        identity = _scalar(raw)
        if identity is None and _is_object(raw):
            inner = _decode_fields.decode(raw)
            identity = next(
                (_scalar(inner[n]) for n in ("uid", "identity_uid") if n in inner), None
            )
    return Event(
        kind=f"{INTEGRATION}{said.lower()}",
        ref=_digest(body),
        identity_uid=None if identity is None else identity[:MAX_UID],
    )


def _scalar(raw: msgspec.Raw) -> str | None:
    try:
        return str(_decode_scalar.decode(raw))
    except msgspec.DecodeError:
        return None


def _is_object(raw: msgspec.Raw) -> bool:
    return bytes(memoryview(raw)[:1]) == b"{"


def _uid(value: str | int | None) -> str | None:
    """A uid; None where there is none, or none that a job may have."""
    text = "" if value is None else str(value).strip()
    is_fit = text.isprintable() and 0 < len(text) <= MAX_UID and not set(text) & {"/", "?", "#"}
    return text if is_fit else None


def _digest(*parts: bytes | str) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        digest.update(part if isinstance(part, bytes) else part.encode("utf-8", "surrogatepass"))
        digest.update(b"\0")
    return digest.hexdigest()
