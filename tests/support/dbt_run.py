"""Runs dbt with the interpreter of its own environment; one process for several commands.

Reads a command's arguments as a line of JSON, answers with a line of JSON. It imports
nothing of this project. Connections to the network are refused, and told.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import socket
import sys
from typing import Any


def main() -> None:
    attempts = refuse_network()
    dbt = importlib.import_module("dbt.cli.main").dbtRunner()
    duckdb = None
    if importlib.util.find_spec("dbt.adapters.duckdb"):
        duckdb = importlib.import_module("dbt.adapters.duckdb.connections").DuckDBConnectionManager
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as answers:
        os.dup2(2, 1)
        for line in sys.stdin:
            answer = run(dbt, json.loads(line))
            if duckdb and duckdb._ENV is not None:  # it would hold the file until the process ends
                duckdb._ENV.close()
                duckdb.close_all_connections()
            print(json.dumps(answer | {"network": attempts}), file=answers, flush=True)


def refuse_network() -> list[str]:
    """Returns the addresses that were asked for, as they come. PostgreSQL's own library is not
    concerned, nor is Spark, which is another process on this machine."""
    attempts: list[str] = []

    def unless_local(function: Any, place: int) -> Any:
        def called(*arguments: Any, **more: Any) -> Any:
            if "127.0.0.1" not in str(arguments[place]):
                attempts.append(str(arguments))
                raise OSError("a test of dbt went to the network")
            return function(*arguments, **more)

        return called

    socket.getaddrinfo = unless_local(socket.getaddrinfo, 0)
    socket.socket.connect = unless_local(socket.socket.connect, 1)  # type: ignore[method-assign]
    return attempts


def run(dbt: Any, arguments: list[str]) -> dict[str, Any]:
    done = dbt.invoke(arguments)
    results = getattr(done.result, "results", None) or []
    return {
        "is_success": done.success,
        "error": str(done.exception) if done.exception else None,
        "statuses": {each.node.unique_id: str(each.status) for each in results},
    }


if __name__ == "__main__":
    main()
