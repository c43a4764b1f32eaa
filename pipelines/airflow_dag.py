"""Airflow 3: loads Captain Data once an hour, a task for each workspace.

Copy this file to Airflow's folder of DAGs; pipelines/README.md says how to configure it.

    workspace_names  ->  sync (one for each)  ->  loaded, check

A workspace is read from the connection `captaindata_<name>`, the warehouse from the connection
`captaindata_warehouse`, and the names of the workspaces from the variable `captaindata_workspaces`.
What is not there is read as everywhere: from .dlt/ and the environment. Nothing is read when the
file is parsed.
"""

import logging
import os
import re
from datetime import datetime, timedelta
from typing import Any

from airflow.providers.common.compat.sdk import AirflowFailException, AirflowNotFoundException
from airflow.sdk import (
    Asset,
    AssetAlias,
    Connection,
    Param,
    TriggerRule,
    Variable,
    dag,
    get_current_context,
    task,
)

import captaindata_source

log = logging.getLogger(__name__)

POOL = "captaindata"
"""How many workspaces are loaded at once: `airflow pools set captaindata 2 'Captain Data'`."""
LOADED = Asset("captaindata")
"""Updated once per run, if a workspace was loaded. `schedule=[Asset("captaindata")]` follows it."""
WORKSPACES = AssetAlias("captaindata_workspaces")
"""Stands for an asset for each workspace: `schedule=[Asset("captaindata/growth")]`."""
ENVIRONMENT = {
    "RUNTIME__DLTHUB_TELEMETRY": "false",
    # dlt asks Airflow for the variable dlt_secrets_toml; not for a variable for each of its options
    "PROVIDERS__AIRFLOW_SECRETS__ONLY_TOML_FRAGMENTS": "true",
    "PROVIDERS__AIRFLOW_SECRETS__ONLY_SECRETS": "true",
}


@dag(
    schedule="15 * * * *",
    start_date=datetime(2026, 1, 1),
    catchup=False,  # a run loads all that is new: there is nothing to make up for
    max_active_runs=1,  # two syncs of one workspace would wait for each other
    params={
        "destination": Param("postgres", type="string"),
        "dataset": Param("captaindata", type="string"),
        "max_minutes": Param(45, type="number", description="The next run goes on from there"),
    },
    doc_md=__doc__,
    tags=["captaindata"],
)
def captaindata() -> None:
    """The DAG."""

    @task
    def workspace_names() -> list[str]:
        """What is to be loaded; only names travel between tasks."""
        os.environ.update(ENVIRONMENT)
        names = Variable.get("captaindata_workspaces", default=None, deserialize_json=True)
        if names is not None:
            return list(names)
        try:
            return captaindata_source.workspaces()
        except captaindata_source.ConfigError as error:
            raise AirflowFailException(str(error)) from None

    @task(
        pool=POOL,
        retries=3,  # a retry goes on with what is missing
        retry_delay=timedelta(minutes=2),
        retry_exponential_backoff=True,
        execution_timeout=timedelta(minutes=75),
        outlets=[WORKSPACES],
        map_index_template="{{ workspace }}",
    )
    def sync(workspace: str, *, outlet_events: Any, params: Any) -> dict[str, Any]:
        """Loads one workspace and brings the views up to date."""
        os.environ.update(ENVIRONMENT)
        get_current_context()["workspace"] = workspace
        use_warehouse(params["destination"])
        try:
            report = captaindata_source.sync(
                workspaces=[from_connection(workspace) or workspace],
                destination=params["destination"],
                dataset=params["dataset"],
                max_minutes=params["max_minutes"],
            )
        except captaindata_source.ConfigError as error:
            raise AirflowFailException(str(error)) from None
        log.info("%s", report)
        (one,) = report.workspaces
        if one.needs_correction or (one.outcome == "quota" and not one.is_ok):
            raise AirflowFailException(str(report))  # a retry would fail too
        if one.outcome == "failed" or not report.aftermath.is_ok:
            raise RuntimeError(str(report))
        done = {
            "workspace": workspace,
            "outcome": one.outcome,
            "rows": sum(one.rows.values()),
            "api_calls": one.api_calls,
            "set_aside": len(one.set_aside),
            "is_ok": report.is_ok,
        }
        outlet_events[WORKSPACES].add(Asset(f"captaindata/{workspace}"), extra=done)
        return done

    @task(outlets=[LOADED], trigger_rule=TriggerRule.ALL_DONE_MIN_ONE_SUCCESS)
    def loaded(done: Any, *, outlet_events: Any) -> None:
        """Tells other DAGs that there may be new rows."""
        outlet_events[LOADED].extra = {each["workspace"]: each["outcome"] for each in done}

    @task(trigger_rule=TriggerRule.ALL_DONE)
    def check(names: Any, done: Any) -> None:
        """Fails the run if not all is loaded, although the tasks that loaded the rest succeed."""
        found = {each["workspace"]: each for each in done or ()}
        missing = [name for name in names or () if name not in found]
        partly = [name for name, each in found.items() if not each["is_ok"]]
        if names is None or missing or partly:
            raise AirflowFailException(
                f"not loaded: {', '.join(missing) or 'none'}; partly: {', '.join(partly) or 'none'}"
            )

    names = workspace_names()
    done = sync.expand(workspace=names)
    loaded(done)
    check(names, done)


def from_connection(workspace: str) -> dict[str, Any] | None:
    """Options of a workspace: the password is its key, the login its UID, `extra` all others."""
    name = re.sub(r"[^\w.-]", "_", workspace)
    if (found := connection(f"captaindata_{name}")) is None:
        return None
    return {
        "name": workspace,
        "api_key": found.password,
        "project_uid": found.login,
        **found.extra_dejson,
    }


def use_warehouse(destination: str) -> None:
    """Gives dlt the credentials of the warehouse, in the memory of this task."""
    if (found := connection("captaindata_warehouse")) is None:
        return
    import dlt  # noqa: PLC0415 - takes seconds, which parsing the file must not

    dlt.secrets[f"destination.{destination}.credentials"] = {
        "drivername": "postgresql",
        "host": found.host,
        "port": found.port or 5432,
        "username": found.login,
        "password": found.password,
        "database": found.schema,
        "query": found.extra_dejson,
    }


def connection(name: str) -> Connection | None:
    """A connection of Airflow, from its database, a secrets backend or the environment."""
    try:
        return Connection.get(name)
    except AirflowNotFoundException:
        return None


captaindata()
