"""A real Airflow: its API server, scheduler and parser of DAGs, on a free port, and its REST API.

It lives in an environment of its own, `.venv/airflow`, as a user installs it.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import urllib.request
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.support.waiting import wait_for

__all__ = ["Airflow", "only"]

ROOT = Path(__file__).parents[2]
BIN = ROOT / ".venv" / "airflow" / "bin"
SERVERS = ("api-server", "scheduler", "dag-processor")
END_SECONDS = 20.0
COMMAND_SECONDS = 120.0
POLL_SECONDS = 0.3
"""An answer of the API takes 20 ms."""
ENDED = ("success", "failed")
JWT_SECRET = "of these tests, and long enough for SHA-512: 64 bytes or more are needed"


class Airflow:
    """An installation with a database of its own; a context manager around its servers.

    Args:
        folder: For its home; below it `dags`.
        environment: More variables, such as connections.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        assert (BIN / "airflow").exists(), "Airflow is not there: run make .venv/.airflow-ready"
        self._home = folder / "airflow"
        self.dags = self._home / "dags"
        self.dags.mkdir(parents=True)
        port, logs_port = _free_ports(2)
        self._url = f"http://127.0.0.1:{port}"
        self._environment = {
            "PATH": f"{BIN}:{os.environ['PATH']}",
            "HOME": str(self._home),
            "AIRFLOW_HOME": str(self._home),
            "DLT_DATA_DIR": str(self._home / "dlt"),
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": str(port),
            "AIRFLOW__API__WORKERS": "1",
            "AIRFLOW__API_AUTH__JWT_SECRET": JWT_SECRET,
            "AIRFLOW__CORE__DAGS_FOLDER": str(self.dags),
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self._url}/execution/",
            "AIRFLOW__CORE__LOAD_EXAMPLES": "false",
            "AIRFLOW__CORE__PARALLELISM": "3",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "true",
            "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "1",
            "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(logs_port),
            "AIRFLOW__SCHEDULER__ENABLE_HEALTH_CHECK": "false",
            "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.2",
            "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "false",
            **environment,
        }
        self._token = ""
        self._processes: list[subprocess.Popen[bytes]] = []

    def command(self, *arguments: str, program: str = "airflow", **environment: str) -> str:
        """Runs a command to its end, with more variables. Returns all that it printed."""
        done = subprocess.run(
            [BIN / program, *arguments],
            env={**self._environment, **environment},
            cwd=self._home,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    def __enter__(self) -> Self:
        try:
            for name in SERVERS:
                with (self._home / f"{name}.out").open("wb") as log:
                    process = subprocess.Popen(
                        [BIN / "airflow", name],
                        env=self._environment,
                        cwd=self._home,
                        stdout=log,
                        stderr=subprocess.STDOUT,
                        start_new_session=True,
                    )
                self._processes.append(process)
            wait_for(self._is_up, poll=POLL_SECONDS)
            self._token = self.call("/auth/token")["access_token"]
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end()

    def call(self, path: str, body: Any = None, *, method: str | None = None) -> Any:
        """A request to the REST API."""
        request = urllib.request.Request(
            f"{self._url}{path}",
            data=None if body is None else json.dumps(body).encode(),
            method=method,
            headers={
                "Content-Type": "application/json",
                **({"Authorization": f"Bearer {self._token}"} if self._token else {}),
            },
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def begin(self, *dags: str) -> None:
        """Waits until DAGs are parsed, and lets them run."""
        wait_for(
            lambda: {*dags} <= {each["dag_id"] for each in self._list("dags")}, poll=POLL_SECONDS
        )
        for dag in dags:
            self.call(f"/api/v2/dags/{dag}", {"is_paused": False}, method="PATCH")

    def run(self, dag: str, **conf: Any) -> tuple[str, list[dict[str, Any]]]:
        """Runs a DAG to its end. Returns the run's state and its task instances."""
        asked = {"logical_date": None, "conf": conf}
        path = f"dags/{dag}/dagRuns"
        run = self.call(f"/api/v2/{path}", asked)["dag_run_id"]
        wait_for(lambda: self.call(f"/api/v2/{path}/{run}")["state"] in ENDED, poll=POLL_SECONDS)
        state: str = self.call(f"/api/v2/{path}/{run}")["state"]
        return state, self._list(f"{path}/{run}/taskInstances", "task_instances")

    def states(self, dag: str) -> list[str]:
        """States of all runs of a DAG."""
        return [each["state"] for each in self._list(f"dags/{dag}/dagRuns", "dag_runs")]

    def events(self, asset: str) -> list[dict[str, Any]]:
        """What the updates of an asset brought with them, the oldest first."""
        found = sorted(self._list("assets/events", "asset_events"), key=lambda each: each["id"])
        return [each["extra"] for each in found if each["name"] == asset]

    def written(self) -> str:
        """All that was logged, of servers and tasks."""
        files = [*self._home.glob("*.out"), *self._home.glob("logs/**/*.log")]
        return "\n".join(file.read_text(encoding="utf-8", errors="replace") for file in files)

    def _list(self, path: str, name: str | None = None) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.call(f"/api/v2/{path}")[name or path]
        return found

    def _is_up(self) -> bool:
        for process in self._processes:
            assert process.poll() is None, self.written()
        try:
            health = self.call("/api/v2/monitor/health")
        except (OSError, ValueError):
            return False
        return all(health[each]["status"] == "healthy" for each in ("scheduler", "dag_processor"))

    def _end(self) -> None:
        """Ends the servers, and all that they started."""
        for process in self._processes:
            process.send_signal(signal.SIGTERM)
        for process in self._processes:
            with suppress(subprocess.TimeoutExpired):
                process.wait(END_SECONDS)
        for process in self._processes:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(END_SECONDS)


def only(instances: Sequence[Mapping[str, Any]], task: str) -> list[dict[str, Any]]:
    """The instances of a task, in the order of the mapping."""
    found = [dict(each) for each in instances if each["task_id"] == task]
    return sorted(found, key=lambda each: each["map_index"])


def _free_ports(number: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
    ports: list[int] = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports
