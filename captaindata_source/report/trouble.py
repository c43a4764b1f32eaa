"""Sections about what needs a look: workflows, stuck runs, errors, accounts, missing results."""

from __future__ import annotations

from captaindata_source.report.cells import Column
from captaindata_source.report.section import Fact, Reading, Section, counted, failed

__all__ = ["accounts", "attention", "errors", "reconciliation"]

WORKFLOW = Column(key="workflow_name", heading="Workflow")
FAILING = (
    WORKFLOW,
    Column(key="reason", heading="Reason", is_long=True),
    Column(key="failures_in_a_row", heading="Failures in a row", kind="number"),
    Column(key="times_as_long", heading="Duration against earlier", kind="times"),
    Column(key="last_run_at", heading="Last run", kind="time"),
    Column(key="last_error_message", heading="Last error", is_long=True),
)
STUCK = (
    WORKFLOW,
    Column(key="job_name", heading="Run", is_long=True),
    Column(key="status", heading="Status"),
    Column(key="since_at", heading="Since", kind="time"),
    Column(key="seconds", heading="For", kind="duration"),
    Column(key="usual_duration_seconds", heading="Usual duration", kind="duration"),
    Column(key="reason", heading="Reason", is_long=True),
)
ERRORS = (
    Column(key="error_message", heading="Error message", is_long=True),
    Column(key="runs_in_period", heading="Runs in the period", kind="number"),
    Column(key="runs", heading="Runs, all time", kind="number"),
    Column(key="workflows", heading="Workflows", kind="number"),
    Column(key="first_seen_at", heading="First seen", kind="time"),
    Column(key="last_seen_at", heading="Last seen", kind="time"),
)
ACCOUNTS = (
    Column(key="identity_name", heading="Identity"),
    Column(key="integration_name", heading="Integration"),
    Column(key="status", heading="Status"),
    Column(key="needs", heading="What to do"),
    Column(key="error", heading="Error", is_long=True),
    Column(key="changed_at", heading="Since", kind="time"),
)
DIFFERENT = (
    WORKFLOW,
    *(
        Column(key=key, heading=heading, kind="number")
        for key, heading in (
            ("jobs_missing", "Runs with too few results"),
            ("results_missing", "Results missing"),
            ("jobs_surplus", "Runs with too many results"),
            ("results_surplus", "Results beyond"),
            ("jobs_equal", "Runs that agree"),
        )
    ),
)


def attention(reading: Reading) -> Section:
    """Workflows that fail or are slower, and stuck runs, as they stand now."""
    name, title = "attention", "Workflows that need a look"
    failing, stuck = reading.read("failing"), reading.read("stuck")
    if failing.problem and stuck.problem:
        return failed(name, title, failing)
    said, tables, facts = [], [], []
    if failing.problem:
        said.append(f"Failing workflows could not be read: {failing.problem}.")
    elif failing.rows:
        often, slower = failing.rows[0]["failing_total"], failing.rows[0]["slower_total"]
        said.append(
            f"{counted(often, 'workflow')} failed in at least 3 of 10 recent runs, and "
            f"{slower:,} became slower."
        )
        tables.append(reading.table("failing", "Failing or slower", FAILING, failing))
    else:
        said.append("No workflow fails often or has become slower.")
    if stuck.problem:
        said.append(f"Stuck runs could not be read: {stuck.problem}.")
    elif stuck.rows:
        are = "is" if stuck.total == 1 else "are"
        said.append(f"{counted(stuck.total, 'run')} {are} in progress for much longer than usual.")
        rows = [
            {**row, "seconds": None if row["hours"] is None else float(row["hours"]) * 3600}
            for row in stuck.rows
        ]
        tables.append(reading.table("stuck", "Stuck runs", STUCK, rows))
    else:
        said.append("No run is stuck.")
    if not failing.problem:
        facts.append(_count("Workflows that need a look", failing.total, name))
    if not stuck.problem:
        facts.append(_count("Stuck runs", stuck.total, name))
    return Section(name=name, title=title, text=" ".join(said), tables=tables, facts=facts)


def errors(reading: Reading) -> Section:
    """The most frequent error messages."""
    name, title = "errors", "Top errors"
    found = reading.read("errors")
    if found.problem:
        return failed(name, title, found)
    if not found.rows:
        text = "No run of the period has an error message."
        return Section(name=name, title=title, text=text)
    return Section(
        name=name,
        title=title,
        text=f"{counted(found.total, 'error message')} in the period, most frequent first.",
        tables=[reading.table("errors-table", "Error messages", ERRORS, found)],
    )


def accounts(reading: Reading) -> Section:
    """Accounts to reconnect."""
    name, title = "accounts", "Account health"
    found = reading.read("accounts")
    if found.is_absent:
        return Section(
            name=name,
            title=title,
            text="Accounts are not loaded. For workspaces of API v4, load the tables "
            "identities and integrations.",
        )
    if found.problem:
        return failed(name, title, found)
    facts = [_count("Accounts to reconnect", found.total, name)]
    if not found.rows:
        return Section(
            name=name, title=title, text="No loaded account needs anything.", facts=facts
        )
    return Section(
        name=name,
        title=title,
        text=f"{counted(found.total, 'account')} not valid.",
        tables=[reading.table("accounts-table", "Accounts to reconnect", ACCOUNTS, found)],
        facts=facts,
    )


def reconciliation(reading: Reading) -> Section:
    """Results that are missing or too many."""
    name, title = "reconciliation", "Reconciliation of results"
    found = reading.read("reconciliation")
    if found.problem:
        return failed(name, title, found)
    if not found.rows:
        text = "No run of the period has a number of results to compare."
        return Section(name=name, title=title, text=text)
    differ, equal = found.rows[0]["all_differ"], found.rows[0]["all_equal"]
    said = (
        f"{counted(equal, 'run')} of the period {'has' if equal == 1 else 'have'} as many results "
        f"in the warehouse as the API reports, and {differ:,} "
        f"{'has' if differ == 1 else 'have'} not."
    )
    rows = [row for row in found.rows if row["jobs_missing"] + row["jobs_surplus"]]
    if not rows:
        return Section(name=name, title=title, text=said)
    return Section(
        name=name,
        title=title,
        text=said,
        tables=[
            reading.table(
                "reconciliation-table",
                "Workflows with differences",
                DIFFERENT,
                rows,
            )
        ],
        facts=[_count("Runs whose results differ", differ, name)],
    )


def _count(label: str, number: int, section: str) -> Fact:
    return Fact(label=label, value=f"{number:,}", section=section, is_alarm=number > 0)
