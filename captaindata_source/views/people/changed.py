"""Which jobs are to be read again."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

from captaindata_source.sqltext import hash_sums, literal
from captaindata_source.tables import JOBS, LEDGER
from captaindata_source.views.people.paths import Plan
from captaindata_source.views.people.store import JOBS_READ, PeopleStore
from captaindata_source.views.results.fields import FIELD_JOBS, WorkflowKey
from captaindata_source.warehouse.database import Database

__all__ = ["ChangedJob", "batches", "changed_jobs"]

RULES = 1
"""To be raised when results are to be read again, for they are understood in another way."""


class ChangedJob(NamedTuple):
    """A job whose results are to be read again.

    Args:
        workspace_uid: Its workspace.
        job_uid: The job.
        version: What is read then; None: the job is gone.
        plan: Number of the plan of its workflow; None: the job is gone.
        result_rows: Number of its results.
    """

    workspace_uid: str
    job_uid: str
    version: str | None
    plan: int | None
    result_rows: int


def changed_jobs(
    database: Database,
    store: PeopleStore,
    plans: Sequence[Plan],
    numbers: Mapping[WorkflowKey, int],
    *,
    has_jobs: bool,
    workspaces: Collection[str] | None = None,
) -> list[ChangedJob]:
    """Jobs of which another version was read, with their retries.

    Args:
        database: The database.
        store: Of its dataset.
        plans: What is read of results.
        numbers: Which of the plans each workflow has.
        has_jobs: Whether the table of jobs is there, which knows retries.
        workspaces: Uids of those that are looked at; None: all.
    """
    named = store.named
    known = named(JOBS_READ)
    if workspaces is not None:
        numbers = {key: number for key, number in numbers.items() if key[0] in workspaces}
        uids = ", ".join(map(literal, sorted(workspaces))) or "null"
        known = f"(select * from {known} where workspace_uid in ({uids}))"
    wanted = _WANTED.format(plans=_planned(plans, numbers), jobs=named(FIELD_JOBS))
    sums = hash_sums(database.kind, "workspace_uid", "job_uid", "version")
    read = database.query(f"select {sums} from {known} as known")
    if database.query(f"{wanted} select {sums} from wanted") == read:
        return []
    found = database.query(
        f"""
        {wanted},
        differing as (
            select coalesce(w.workspace_uid, r.workspace_uid) as workspace_uid,
                coalesce(w.job_uid, r.job_uid) as job_uid
            from wanted as w
            full outer join {known} as r
                on r.workspace_uid = w.workspace_uid and r.job_uid = w.job_uid
            where w.version is null or r.version is null or w.version <> r.version
        ),
        changed as (
            select workspace_uid, job_uid from differing
            {_RETRIES.format(jobs=named(JOBS.name)) if has_jobs else ""}
        )
        select c.workspace_uid, c.job_uid, w.version, w.plan, coalesce(l.result_rows, 0)
        from changed as c
        left join wanted as w
            on w.workspace_uid = c.workspace_uid and w.job_uid = c.job_uid
        left join {named(LEDGER.name)} as l
            on l.workspace_uid = c.workspace_uid and l.job_uid = c.job_uid
        order by c.workspace_uid, c.job_uid
        """
    )
    return [ChangedJob(*row) for row in found]


_WANTED = """
    with plans (workspace_uid, workflow_uid, plan, prefix) as ({plans}),
    wanted as (
        select j.workspace_uid, j.job_uid, p.plan, p.prefix || j.load_id as version
        from {jobs} as j
        inner join plans as p
            on p.workspace_uid = j.workspace_uid and p.workflow_uid = j.workflow_uid
        where j.load_id <> ''
    )
"""
_RETRIES = """
    union
    select w.workspace_uid, w.job_uid from wanted as w
    inner join {jobs} as j
        on j.workspace_uid = w.workspace_uid and j.uid = w.job_uid
    inner join differing as d
        on d.workspace_uid = j.workspace_uid and d.job_uid = j.main_job_uid
"""
"""What else is to be read: which results of a retry are repeated depends on its main job."""


def _planned(plans: Sequence[Plan], numbers: Mapping[WorkflowKey, int]) -> str:
    """The plan of each workflow, and what the versions of its jobs begin with."""
    values = ", ".join(
        f"({literal(workspace)}, {literal(workflow)}, {plan}, "
        f"{literal(f'{RULES} {plans[plan].digest} ')})"
        for (workspace, workflow), plan in numbers.items()
    )
    return f"values {values}" if values else "select '', '', 0, '' where false"


def batches(jobs: Sequence[ChangedJob], most: int) -> Iterator[list[ChangedJob]]:
    """Jobs that are read in one transaction, with `most` results."""
    batch: list[ChangedJob] = []
    rows = 0
    for job in jobs:
        if batch and rows + job.result_rows > most:
            yield batch
            batch, rows = [], 0
        batch.append(job)
        rows += job.result_rows
    if batch:
        yield batch
