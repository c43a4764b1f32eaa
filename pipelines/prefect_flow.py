"""Prefect 3: loads workspaces side by side, a task for each.

    python prefect_flow.py          # one run
    python prefect_flow.py serve    # every hour

Copy this file to a folder of yours. pipelines/README.md says what to set.

Secrets are in blocks of the type Secret: `captaindata-<workspace>` holds the options of a workspace
as JSON, such as {"api_key": "…", "project_uid": "…"}, and `captaindata-warehouse` the address of
the destination. What is in no block is read as everywhere, from .dlt/ and the environment.
"""

import re
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from prefect import flow, get_run_logger, task
from prefect.artifacts import create_table_artifact
from prefect.blocks.system import Secret
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.futures import wait
from prefect.states import Completed, Failed
from prefect.task_runners import ProcessPoolTaskRunner
from prefect.tasks import Task

import captaindata_source

PARTLY = "Partly"
"""Name of the state of a run that loaded something and set something aside. It is Completed."""


class NotRetriedError(RuntimeError):
    """Another try would fail too."""


def is_worth_a_retry(_task: Task[Any, Any], _run: TaskRun, state: State[Any]) -> bool:
    """A task that failed is tried again, and goes on where it stopped."""
    return not isinstance(state.result(raise_on_failure=False), NotRetriedError)


@task(
    task_run_name="{workspace}",
    retries=3,
    retry_delay_seconds=[60, 300, 900],
    retry_condition_fn=is_worth_a_retry,
    cache_policy=NO_CACHE,
)
def load(
    workspace: str, destination: str, dataset: str, max_minutes: float | None
) -> State[dict[str, Any]]:
    """Loads what is new of a workspace, and updates the views."""
    use_warehouse(destination)
    try:
        report = captaindata_source.sync(
            workspaces=[secret_options(workspace) or workspace],
            destination=destination,
            dataset=dataset,
            max_minutes=max_minutes,
        )
    except captaindata_source.ConfigError as error:
        raise NotRetriedError(str(error)) from None
    get_run_logger().info("%s", report)
    (one,) = report.workspaces
    create_table_artifact(
        [{"table": name, "rows written": rows} for name, rows in one.rows.items()],
        key=f"captaindata-{slug(workspace)}",
        description=f"{workspace}: {one.outcome}, {one.api_calls:,} API calls, "
        f"results of {one.results_fetched:,} jobs fetched, {one.issues:,} issues",
    )
    if one.needs_correction or (one.outcome == "quota" and not one.is_ok):
        raise NotRetriedError(str(report))
    is_partly = one.outcome == "partly_loaded"
    is_followed = report.aftermath.is_ok and (report.alerts is None or report.alerts.is_ok)
    if not is_followed or not (one.is_ok or is_partly):
        raise RuntimeError(str(report))
    done = {"workspace": workspace, **one.as_dict()}
    if is_partly:
        return Completed(name=PARTLY, message=one.as_row()["error"], data=done)
    return Completed(message=one.outcome, data=done)


@flow(
    name="captaindata",
    task_runner=ProcessPoolTaskRunner(),  # type: ignore[arg-type,unused-ignore]
    validate_parameters=True,
)
def captaindata(
    workspaces: Sequence[str] | None = None,
    destination: str = "postgres",
    dataset: str = "captaindata",
    max_minutes: float | None = 50,
) -> State[Any]:
    """Loads workspaces side by side.

    Args:
        workspaces: Their names; None: all that are configured in .dlt/ or the environment.
        destination: A dlt destination. A DuckDB file takes one process at a time: set
            PREFECT_TASKS_RUNNER_PROCESS_POOL_MAX_WORKERS=1.
        dataset: Schema of the tables.
        max_minutes: Minutes after which a sync ends; the next run goes on.

    Returns:
        Completed; Completed by the name of Partly, if something was set aside; or Failed, if a
        workspace was not loaded. The others are loaded all the same.
    """
    try:
        names = list(workspaces or captaindata_source.workspaces())
    except captaindata_source.ConfigError as error:
        return Failed(message=str(error))
    tasks = [
        # a limit of this tag makes a second run of the workspace wait; the sync itself refuses it
        load.with_options(tags=[f"captaindata-{slug(name)}"]).submit(
            name, destination, dataset, max_minutes
        )
        for name in names
    ]
    wait(tasks)
    states = dict(zip(names, (each.state for each in tasks), strict=True))
    failed = [name for name, state in states.items() if not state.is_completed()]
    partly = [name for name, state in states.items() if state.name == PARTLY]
    if failed:
        return Failed(message=f"not loaded: {', '.join(failed)}")
    if partly:
        return Completed(name=PARTLY, message=f"partly loaded: {', '.join(partly)}")
    return Completed(message=f"loaded: {', '.join(names)}")


def secret_options(workspace: str) -> Mapping[str, Any] | None:
    """Options of a workspace from its block; None: there is none."""
    found = secret(slug(workspace))
    if found is not None and not isinstance(found, Mapping):
        raise NotRetriedError(f"The block captaindata-{slug(workspace)} must be an object of JSON")
    return None if found is None else {**found, "name": workspace}


def use_warehouse(destination: str) -> None:
    """Gives dlt the address of the warehouse, in the memory of this process."""
    if (address := secret("warehouse")) is not None:
        import dlt  # noqa: PLC0415 - takes a second, which a deployment need not

        dlt.secrets[f"destination.{destination}.credentials"] = address


def secret(name: str) -> Any:
    """The value of a block; None: there is none."""
    try:
        block: Any = Secret.load(f"captaindata-{name}")
    except ValueError:
        return None
    return block.get()


def slug(name: str) -> str:
    """A name as blocks, artifacts and limits may have it."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


if __name__ == "__main__":
    if sys.argv[1:] == ["serve"]:
        captaindata.serve(name="hourly", cron="15 * * * *", limit=1)
    else:
        done = captaindata(return_state=True)
        print(done.name, done.message)
        sys.exit(not done.is_completed())
