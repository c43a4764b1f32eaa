"""What the views must say, computed in Python from what an `Oracle` saw of a sandbox."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Container, Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import takewhile
from typing import Any

from tests.support.databases import Row
from tests.support.oracle import Oracle
from tests.support.slowness import times_as_long

GROUPS = {
    "finished": "succeeded",
    "completed": "succeeded",
    "shutdown": "failed",
    "warning": "failed",
    "stopped": "stopped",
    "pending": "in_progress",
    "running": "in_progress",
    "paused": "in_progress",
}
COUNTED = ("succeeded", "failed", "stopped", "in_progress", "unknown")
ONLY_V4 = (
    *("credits_max", "credits_used", "credits_left"),
    *("identities_included", "identities_synced", "identities_remaining"),
)
"""Columns of workspaces that API v3 does not tell."""
Key = tuple[str, str]


class ViewOracle:
    """Rows of views; floats have nine places, as `view_rows` gives them.

    Args:
        oracle: What a connector may have seen until now.
        configured: Configured name of each workspace.
    """

    def __init__(self, oracle: Oracle, configured: dict[str, str]) -> None:
        self._oracle = oracle
        self._configured = configured
        self.jobs = [self._job(row) for row in oracle.expected_jobs()]
        self._main: dict[Key, list[Row]] = defaultdict(list)
        for job in sorted(self.jobs, key=lambda each: (each["run_at"], each["job_id"])):
            if not job["is_sub_job"]:
                self._main[job["workspace_id"], job["workflow_id"]].append(job)

    def workflows(self) -> list[Row]:
        return [
            {
                **self._names(*key),
                "name": flow["name"],
                "kind": "workflow",
                "status": self._status(*key),
                "steps": flow["steps"],
                "created_at": _utc(flow["created_at"]),
            }
            for key, flow in self._oracle.workflows.items()
        ]

    def workflow_steps(self) -> list[Row]:
        return [
            {
                **self._names(*key),
                "position": position,
                "step_id": step["step_uid"],
                "name": step["step_name"],
                "permalink": step["permalink"],
                "integrations": step["integrations"],
                "output_schema": step["output_schema"],
            }
            for key, flow in self._oracle.workflows.items()
            for position, step in enumerate(flow["details"]["steps"], start=1)
        ]

    def workspace_members(self) -> list[Row]:
        fields = ("email", "first_name", "last_name", "full_name", "country", "accounts")
        return [
            {
                "workspace_id": uid,
                "workspace_name": workspace["name"],
                "member_id": member["uid"],
                **{name: member[name] for name in fields},
                **dict.fromkeys(("role", "timezone")),
            }
            for uid, workspace in self._oracle.workspaces.items()
            for member in workspace["members"]
        ]

    def workspaces(self) -> list[Row]:
        fields = ("name", "email", "plan_name", "members", "tasks_max", "tasks_used", "tasks_left")
        return [
            {
                "workspace_id": uid,
                "configured_name": self._configured[uid],
                **{name: workspace[name] for name in fields},
                "members_count": len(workspace["members"]),
                "created_at": min(
                    _utc(flow["created_at"])
                    for (owner, _), flow in self._oracle.workflows.items()
                    if owner == uid
                ),
                "quota_month_started_at": _utc(workspace["current_month_start"]),
                "quota_month_ends_at": _utc(workspace["current_month_end"]),
                **dict.fromkeys(ONLY_V4),
            }
            for uid, workspace in self._oracle.workspaces.items()
        ]

    def all_successful_jobs(self) -> list[Row]:
        same = (
            *("workspace_id", "workspace_name", "workflow_id", "workflow_name", "job_id"),
            *("main_job_id", "is_sub_job", "started_at", "finished_at", "duration_seconds"),
            *("records_processed", "is_partial"),
        )
        return [
            {
                **{name: job[name] for name in same},
                "job_name": job["name"],
                "configured_name": self._configured[job["workspace_id"]],
                "workflow_status": self._status(job["workspace_id"], job["workflow_id"]),
            }
            for job in self.jobs
            if job["status_group"] == "succeeded"
        ]

    def workflow_performance(self) -> list[Row]:
        return [self._performance(key) for key in self._oracle.workflows]

    def _performance(self, key: Key) -> Row:
        runs = self._main[key]
        successes = [run for run in runs if run["status_group"] == "succeeded"]
        ended = [run for run in runs if run["status_group"] in ("succeeded", "failed")]
        durations = [run["duration_seconds"] for run in ended]
        since = takewhile(lambda run: run["status_group"] != "succeeded", reversed(runs))
        retries = [job for job in self.jobs if job["is_sub_job"] and _key(job) == key]
        return {
            **self._names(*key),
            "workflow_status": self._status(*key),
            "runs": len(runs),
            **_counts(runs),
            "retries": len(retries),
            "duration_p50_seconds": _percentile(durations, 0.5),
            "duration_p95_seconds": _percentile(durations, 0.95),
            "records_processed": _records(successes),
            "last_run_at": max((run["run_at"] for run in runs), default=None),
            "last_success_at": max(
                (run["finished_at"] or run["run_at"] for run in successes), default=None
            ),
            "failures_in_a_row": sum(run["status_group"] == "failed" for run in since),
        }

    def daily_job_health(self, last_syncs: dict[str, date]) -> list[Row]:
        """The days until the last sync of each workspace, or its newest run."""
        newest = dict(last_syncs)
        for (workspace, _), runs in self._main.items():
            for run in runs:
                newest[workspace] = max(newest[workspace], _day(run["run_at"]))
        return [
            {"day": day, **self._names(*key), "runs": len(found), **_counts(found), **_work(found)}
            for key, runs in self._main.items()
            if runs
            for day in _days(_day(runs[0]["run_at"]), newest[key[0]])
            for found in [[run for run in runs if _day(run["run_at"]) == day]]
        ]

    def failing_workflows(self) -> list[Row]:
        rows = (self._judged(key) for key in self._oracle.workflows)
        return [row for row in rows if row["is_failing_often"] or row["is_slower"]]

    def _judged(self, key: Key) -> Row:
        performance = self._performance(key)
        ended = [run for run in self._main[key] if run["status_group"] in ("succeeded", "failed")]
        recent, earlier = ended[-10:], ended[:-10]
        failed = [run for run in ended if run["status_group"] == "failed"]
        recent_p50, earlier_p50 = (
            _percentile([run["duration_seconds"] for run in runs], 0.5)
            for runs in (recent, earlier)
        )
        failures = [run for run in recent if run in failed]
        is_failing = len(recent) >= 3 and len(failures) / len(recent) >= 0.3
        longer, is_slower = times_as_long(recent, earlier)
        reasons = [
            f"failed {len(failures)} of its last {len(recent)} runs" if is_failing else "",
            _slower(longer, recent_p50, earlier_p50) if is_slower else "",
        ]
        same = ("workflow_status", "failures_in_a_row", "last_run_at")
        return {
            **self._names(*key),
            **{name: performance[name] for name in same},
            "reason": "; ".join(filter(None, reasons)),
            "is_failing_often": is_failing,
            "is_slower": is_slower,
            "recent_runs": len(recent),
            "recent_failed_runs": len(failures),
            "recent_failure_rate": _counts(recent)["failed_runs"] / max(len(recent), 1),
            "recent_duration_p50_seconds": recent_p50,
            "earlier_runs": len(earlier),
            "earlier_failure_rate": _counts(earlier)["failed_runs"] / len(earlier)
            if earlier
            else None,
            "earlier_duration_p50_seconds": earlier_p50,
            "last_error_message": failed[-1]["error_message"] if failed else None,
            "times_as_long": longer,
        }

    def stuck_runs(self, last_syncs: dict[str, datetime]) -> list[Row]:
        return [
            row
            for key, runs in self._main.items()
            for row in self._waiting(key, runs, last_syncs[key[0]])
        ]

    def _waiting(self, key: Key, runs: list[Row], now: datetime) -> Iterator[Row]:
        durations = [
            run["duration_seconds"]
            for run in runs
            if run["status_group"] == "succeeded" and run["duration_seconds"] is not None
        ]
        usual = _percentile(durations, 0.5) if len(durations) >= 5 else None
        for run in runs:
            waits = (now - run["run_at"]).total_seconds()
            if run["status_group"] == "in_progress" and waits > max(3600, 3 * (usual or 0)):
                yield {
                    **self._names(*key),
                    "job_id": run["job_id"],
                    "job_name": run["name"],
                    "status": run["status"],
                    "since_at": run["run_at"],
                    "hours": waits / 3600,
                    "usual_duration_seconds": usual,
                    "reason": run["error_message"],
                    "last_sync_at": now,
                }

    def top_error_messages(self) -> list[Row]:
        found: dict[Key, list[Row]] = defaultdict(list)
        for runs in self._main.values():
            for run in runs:
                if run["error_message"] and run["status_group"] != "succeeded":
                    found[run["workspace_id"], run["error_message"]].append(run)

        def seen(run: Row) -> datetime:
            at: datetime = run["finished_at"] or run["run_at"]
            return at

        rows = [
            {
                "workspace_id": workspace,
                "workspace_name": self._oracle.workspaces[workspace]["name"],
                "error_message": message,
                "runs": len(runs),
                "workflows": len({run["workflow_id"] for run in runs}),
                "first_seen_at": min(map(seen, runs)),
                "last_seen_at": max(map(seen, runs)),
                "last_job_id": max(runs, key=seen)["job_id"],
            }
            for (workspace, message), runs in found.items()
        ]
        rows.sort(key=lambda row: row["last_seen_at"], reverse=True)
        rows.sort(key=lambda row: row["runs"], reverse=True)
        ranks: Counter[str] = Counter()
        for row in rows:
            ranks[row["workspace_id"]] += 1
            row["message_rank"] = ranks[row["workspace_id"]]
        return rows

    def records_by_workflow_month(self) -> list[Row]:
        months: dict[tuple[date, Key], list[Row]] = defaultdict(list)
        for key, runs in self._main.items():
            for run in runs:
                if run["status_group"] == "succeeded":
                    month = _day(run["finished_at"] or run["run_at"]).replace(day=1)
                    months[month, key].append(run)
        return [
            {
                "month": month,
                **self._names(*key),
                "succeeded_runs": len(runs),
                "records_processed": _records(runs),
                "results_loaded": sum(map(self._loaded, runs)),
            }
            for (month, key), runs in months.items()
        ]

    def results_reconciliation(self) -> list[Row]:
        return [self._reconciled(job, self._loaded(job)) for job in self.jobs]

    def automation_health(self) -> list[Row]:
        """All but `failing_workflows`, `stuck_runs` and `last_sync_at`."""
        return [self._health(uid) for uid in self._oracle.workspaces]

    def _health(self, workspace: str) -> Row:
        flows = [key for key in self._oracle.workflows if key[0] == workspace]
        states = Counter(self._status(*key) for key in flows)
        runs = [run for key in flows for run in self._main[key]]
        newest = max(run["run_at"] for run in runs)
        recent = [run for run in runs if run["run_at"] > newest - timedelta(days=30)]
        successes = [run for run in runs if run["status_group"] == "succeeded"]
        counts = _counts(runs)
        return {
            "workspace_id": workspace,
            "workspace_name": self._oracle.workspaces[workspace]["name"],
            **{f"{state}_workflows": states[state] for state in ("active", "paused", "archived")},
            "runs": len(runs),
            **{f"{g}_runs": counts[f"{g}_runs"] for g in ("succeeded", "failed", "in_progress")},
            "success_rate": counts["success_rate"],
            "success_rate_30_days": _counts(recent)["success_rate"],
            "records_processed": _records(successes),
            "last_run_at": newest,
            "last_success_at": max(run["finished_at"] or run["run_at"] for run in successes),
            "tasks_left": self._oracle.workspaces[workspace]["tasks_left"],
            "credits_left": None,
        }

    def _reconciled(self, job: Row, loaded: int) -> Row:
        same = (
            *("workspace_id", "workspace_name", "workflow_id", "workflow_name", "job_id"),
            *("is_sub_job", "status_group", "finished_at", "records_processed"),
        )
        said = job["records_processed"]
        state = "equal"
        if job["status_group"] != "succeeded" and not loaded:
            state = "not_loaded"
        elif said is None:
            state = "unknown"
        elif loaded != said:
            state = "missing" if loaded < said else "surplus"
        is_compared = state in ("equal", "missing", "surplus")
        return {
            **{name: job[name] for name in same},
            "job_name": job["name"],
            "results_loaded": loaded,
            "difference": loaded - said if is_compared else None,
            "state": state,
        }

    def _loaded(self, job: Row) -> int:
        return len(self._oracle.results.get((job["workspace_id"], job["job_id"]), []))

    def _job(self, row: Row) -> Row:
        started, finished = row["start_time"], row["finish_time"]
        is_timed = started and finished and finished >= started
        key = row["workspace_uid"], row["workflow_uid"]
        return {
            **self._names(*key),
            "job_id": row["uid"],
            "name": row["name"],
            "main_job_id": row["main_job_uid"] if row["is_sub_job"] else None,
            "is_sub_job": row["is_sub_job"],
            "is_deleted": False,
            "is_archived": False,
            "status": row["status"],
            "status_group": GROUPS[row["status"]],
            "scheduled_at": row["scheduled_time"],
            "started_at": started,
            "finished_at": finished,
            "run_at": started or row["scheduled_time"] or finished,
            "duration_seconds": (finished - started).total_seconds() if is_timed else None,
            "inputs": row["number_inputs"],
            "records_processed": row["row_count"],
            "error_message": row["error_message"],
            "is_partial": None,
            "execution_mode": None,
            "has_results": True,
        }

    def _names(self, workspace: str, workflow: str) -> Row:
        return {
            "workspace_id": workspace,
            "workspace_name": self._oracle.workspaces[workspace]["name"],
            "workflow_id": workflow,
            "workflow_name": self._oracle.workflows[workspace, workflow]["name"],
        }

    def _status(self, workspace: str, workflow: str) -> str:
        runs = self._main[workspace, workflow]
        if self._oracle.workflows[workspace, workflow]["is_deleted"]:
            return "archived"
        return "paused" if runs and runs[-1]["status"] == "paused" else "active"


def _key(job: Row) -> Key:
    return job["workspace_id"], job["workflow_id"]


def _counts(runs: Iterable[Row]) -> Row:
    found = Counter(run["status_group"] for run in runs)
    ended = found["succeeded"] + found["failed"]
    return {
        **{f"{group}_runs": found[group] for group in COUNTED},
        "success_rate": round(found["succeeded"] / ended, 9) if ended else None,
    }


def _work(runs: Sequence[Row]) -> Row:
    ended = [run for run in runs if run["status_group"] in ("succeeded", "failed")]
    durations = [run["duration_seconds"] for run in ended]
    return {
        "duration_p50_seconds": _percentile(durations, 0.5),
        "duration_p95_seconds": _percentile(durations, 0.95),
        "records_processed": _records(run for run in ended if run["status_group"] == "succeeded"),
    }


def _slower(longer: float | None, recent: float | None, earlier: float | None) -> str:
    if (recent or 0) > (earlier or 0):
        return f"median run took {recent:.1f} s, before that {earlier:.1f} s"
    return f"runs took {longer:.1f} times as long as before at the same time of day"


def _records(runs: Iterable[Row]) -> int:
    return sum(run["records_processed"] or 0 for run in runs)


def _percentile(values: Iterable[float | None], share: float) -> float | None:
    found = sorted(value for value in values if value is not None)
    if not found:
        return None
    place = share * (len(found) - 1)
    low, high = found[math.floor(place)], found[math.ceil(place)]
    return low + (high - low) * (place - math.floor(place))


def _day(moment: datetime) -> date:
    return moment.astimezone(UTC).date()


def _days(first: date, last: date) -> Iterator[date]:
    for offset in range((last - first).days + 1):
        yield first + timedelta(days=offset)


def _utc(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def same_rows(found: Iterable[Row], expected: Iterable[Row], *, ignore: Iterable[str] = ()) -> None:
    """Compares rows whatever their order and that of their columns; floats have four places."""
    left, right = _texts(found, set(ignore)), _texts(expected, set(ignore))
    missing, surplus = right - left, left - right
    assert not missing and not surplus, (
        f"missing {missing.total()}: {list(missing)[:2]}; "
        f"surplus {surplus.total()}: {list(surplus)[:2]}"
    )


def _texts(rows: Iterable[Row], ignore: Container[str]) -> Counter[str]:
    return Counter(
        repr(sorted((name, _rounded(value)) for name, value in row.items() if name not in ignore))
        for row in rows
    )


def _rounded(value: Any) -> Any:
    return round(value, 4) if isinstance(value, float) else value
