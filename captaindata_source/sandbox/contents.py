"""Workspaces and their contents."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from captaindata_source.sandbox.flows import FlowBook
from captaindata_source.sandbox.identities import Identity, make_identities
from captaindata_source.sandbox.people import Member, make_members
from captaindata_source.sandbox.rng import stream, uid
from captaindata_source.sandbox.run_book import RunBook
from captaindata_source.sandbox.schedule import Schedule
from captaindata_source.sandbox.workflows import Workflow, make_workflows

WORKSPACE_NAMES = ("Acme Growth", "Northwind Agency", "Contoso Leads", "Tailspin Recruiting")


@dataclass(frozen=True)
class Workspace:
    """A workspace. Its uid is the project UID that clients send; its repr does not show the key."""

    index: int
    uid: str
    name: str
    api_key: str = field(repr=False)


@dataclass(frozen=True)
class Content:
    """What is in a workspace."""

    workflows: tuple[Workflow, ...]
    members: tuple[Member, ...]
    schedule: Schedule
    runs: RunBook
    identities: tuple[Identity, ...]
    flows: FlowBook


def make_workspace(seed: int, index: int) -> Workspace:
    """Return the workspace with an index."""
    rng = stream(seed, "workspace", index)
    name = WORKSPACE_NAMES[index % len(WORKSPACE_NAMES)]
    if index >= len(WORKSPACE_NAMES):
        name = f"{name} {index // len(WORKSPACE_NAMES) + 1}"
    return Workspace(index, uid(rng), name, f"sandbox-{rng.getrandbits(160):040x}")


def make_content(
    seed: int,
    workspace: Workspace,
    *,
    start: datetime,
    workflows: int,
    days: int,
    jobs_per_day: float,
    mean_results: int,
    live_runs_per_day: float,
) -> Content:
    """Return the content of a workspace; the options are those of `World`."""
    made = make_workflows(seed, workspace.index, count=workflows, days=days)
    members = make_members(seed, workspace.index, workspace.uid)
    schedule = Schedule(
        seed=seed,
        workspace=workspace.index,
        workflows=made,
        accounts=[account for member in members for account in member.data["accounts"]],
        days=days,
        jobs_per_day=jobs_per_day,
        mean_results=mean_results,
    )
    user_uids = tuple(member.data["uid"] for member in members if member.joins < 0)
    flows = FlowBook(
        seed=seed,
        workspace=workspace.index,
        days=days,
        mean_results=mean_results,
        user_uids=user_uids,
    )
    runs = RunBook(
        seed=seed,
        workspace=workspace.index,
        workspace_uid=workspace.uid,
        start=start,
        schedule=schedule,
        workflows=made,
        user_uids=user_uids,
        days=days,
        live_runs_per_day=live_runs_per_day,
        flows=flows,
    )
    identities = make_identities(seed, workspace.index, workspace.uid)
    return Content(made, members, schedule, runs, identities, flows)
