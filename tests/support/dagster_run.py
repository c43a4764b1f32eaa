"""Runs Dagster with the interpreter of its own environment; one process for several runs.

Reads a command as a line of JSON, answers with a line of JSON. It imports nothing of the tests.
`load` is answered before any secret is known: what a command needs comes with it.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import dagster as dg

from captaindata_source.dagster import CaptainDataResource, captaindata_definitions


def main() -> None:
    path = Path(sys.argv[1])
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as answers:
        os.dup2(2, 1)
        definitions = from_project(path) if path.is_dir() else from_file(path)
        dg.Definitions.validate_loadable(definitions)
        with dg.DagsterInstance.get() as instance:
            for line in sys.stdin:
                command = json.loads(line)
                os.environ.update(command.pop("environment", {}))
                answer = COMMANDS[command.pop("do")](definitions, instance, **command)
                print(json.dumps(answer), file=answers, flush=True)


def from_file(path: Path) -> dg.Definitions:
    spec = spec_from_file_location("definitions", path)
    assert spec
    assert spec.loader
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    # the command line takes a file with one object of this kind
    (found,) = {
        id(each): each for each in vars(module).values() if isinstance(each, dg.Definitions)
    }.values()
    return found


def from_project(folder: Path) -> dg.Definitions:
    sys.path.insert(0, str(folder))
    return dg.load_from_defs_folder(path_within_project=folder)


def show(definitions: dg.Definitions, _instance: dg.DagsterInstance) -> dict[str, Any]:
    """Assets and what they are made of, by key."""
    graph = definitions.resolve_asset_graph()
    return {
        key.to_user_string(): sorted(
            parent.to_user_string() for parent in graph.get(key).parent_keys
        )
        for key in graph.get_all_asset_keys()
    }


def run(
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    *,
    job: str = "captaindata",
    partition: str | None = None,
    select: str | None = None,
) -> dict[str, Any]:
    """Runs a job, or the assets of a selection."""
    found = definitions.resolve_job_def(job)
    if select is not None:
        selected = dg.define_asset_job("selected", selection=dg.AssetSelection.from_string(select))
        merged = dg.Definitions.merge(definitions, dg.Definitions(jobs=[selected]))
        found = merged.resolve_job_def("selected")
    done = found.execute_in_process(
        instance=instance, partition_key=partition, raise_on_error=False
    )
    events = done.all_events
    retried = [event for event in events if event.is_step_up_for_retry]
    failed = [event for event in events if event.is_step_failure]
    return {
        "is_success": done.success,
        "retries": len(retried),
        "failures": [text_of(event) for event in [*retried, *failed]],
        "materialized": {
            event.step_materialization_data.materialization.asset_key.to_user_string(): {
                name: getattr(value, "value", None)
                for name, value in event.step_materialization_data.materialization.metadata.items()
            }
            for event in events
            if event.is_step_materialization
        },
        "checks": {
            check.check_name: "passed" if check.passed else check.severity.value
            for event in events
            if event.event_type == dg.DagsterEventType.ASSET_CHECK_EVALUATION
            for check in [event.asset_check_evaluation_data]
        },
    }


def text_of(event: dg.DagsterEvent) -> str:
    data: Any = event.event_specific_data
    failure = getattr(data, "user_failure_data", None)
    error = data.error
    return str(failure.description if failure else error.to_string() if error else event.message)


def tick(definitions: dg.Definitions, instance: dg.DagsterInstance) -> list[str | None]:
    """Partitions of the runs that the schedule asks for."""
    (schedule,) = [
        each
        for each in definitions.schedules or ()
        if getattr(each, "job_name", None) == "captaindata"
    ]
    with dg.build_schedule_context(
        instance,
        scheduled_execution_time=datetime.now(UTC),
        repository_def=definitions.get_repository_def(),
    ) as context:
        asked = schedule.evaluate_tick(context).run_requests  # type: ignore[union-attr,unused-ignore]
    return [each.partition_key for each in asked or ()]


def sense(
    _definitions: dg.Definitions, instance: dg.DagsterInstance
) -> dict[str, dict[str, list[str]]]:
    """What the sensor of dynamic partitions asks for; it is done, so that the next one sees it."""
    (sensor,) = list(captaindata_definitions().sensors or [])
    resources = {"captaindata": CaptainDataResource()}
    with dg.build_sensor_context(instance, resources=resources) as context:
        found = sensor.evaluate_tick(context)  # type: ignore[union-attr,unused-ignore]
    asked = found.dynamic_partitions_requests or ()
    for each in asked:
        if isinstance(each, dg.AddDynamicPartitionsRequest):
            instance.add_dynamic_partitions(each.partitions_def_name, list(each.partition_keys))
    return {
        type(each).__name__: {each.partitions_def_name: [*each.partition_keys]} for each in asked
    }


COMMANDS: dict[str, Callable[..., Any]] = {"show": show, "run": run, "tick": tick, "sense": sense}

if __name__ == "__main__":
    main()
