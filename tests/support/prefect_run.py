"""Runs the flow of Prefect with the interpreter of its own environment, on a server of its own.

Reads a command as a line of JSON, answers with a line of JSON. It imports nothing of the tests.
"""

from __future__ import annotations

import json
import os
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from prefect.blocks.system import Secret
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.settings import PREFECT_API_URL
from prefect.testing.utilities import prefect_test_harness

sys.path.insert(0, str(Path.cwd()))
FLOW = import_module("prefect_flow")


def main() -> None:
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as answers:
        os.dup2(2, 1)
        with prefect_test_harness(server_startup_timeout=240):
            # processes of tasks would each start a server of their own
            os.environ["PREFECT_API_URL"] = str(PREFECT_API_URL.value())
            for line in sys.stdin:
                command = json.loads(line)
                for name, value in command.pop("secrets", {}).items():
                    Secret(value=value).save(name, overwrite=True)
                if "delay" in command:
                    FLOW.load.retry_delay_seconds = command.pop("delay")
                state = FLOW.captaindata(**command["parameters"], return_state=True)
                print(json.dumps(told(state)), file=answers, flush=True)


def told(state: Any) -> dict[str, Any]:
    """The state of a run, and those of its tasks with how often each ran."""
    run = state.state_details.flow_run_id
    with get_client(sync_client=True) as client:
        tasks = client.read_task_runs(flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[run])))
        artifacts = client.read_artifacts()
    return {
        "type": state.type.value,
        "name": state.name,
        "message": state.message,
        "tasks": {each.name: [str(each.state_name), each.run_count] for each in tasks},
        "artifacts": {
            each.key: [each.description, json.loads(str(each.data))]
            for each in artifacts
            if each.key
        },
    }


if __name__ == "__main__":
    main()
