"""Serves one workspace's prepared pages as fast as Python can; shares no code with the connector.

python page_server.py PORT JOBS ROWS_PER_PAGE PAGES_PER_JOB ROW_BYTES
"""

from __future__ import annotations

import asyncio
import json
import random
import sys

WORKFLOWS = 10


def build_pages(jobs: int, rows: int, pages: int, row_bytes: int) -> dict[str, bytes]:
    """Path with query to body, for every request that a load sends."""
    rng = random.Random(7)
    filler = "".join(rng.choice("abcdefghijklmnopqrstuvwxyz éü") for _ in range(row_bytes * 2))

    def result(number: int) -> dict[str, object]:
        start = rng.randrange(row_bytes)
        return {
            "id": number,
            "first_name": f"Name{number % 997}",
            "linkedin_url": f"https://www.linkedin.com/in/person-{number}",
            "connections": number % 500,
            "is_open": number % 3 == 0,
            "company": {"name": f"Company {number % 211}", "size": number % 10_000},
            "skills": ["python", "sql", f"skill-{number % 50}"],
            "summary": filler[start : start + max(0, row_bytes - 270)],
        }

    found: dict[str, object] = {
        "/v3/workspace": {"name": "Bench", "plan_name": "Titanium", "tasks_used": 1},
        "/v3/users?page=0": {"users": [], "nbr_users": 0, "paging": {"next": None}},
        "/v3/workflows": [{"uid": f"wf-{w}", "name": f"Flow {w}"} for w in range(WORKFLOWS)],
    }
    for workflow in range(WORKFLOWS):
        path = f"/v3/workflows/wf-{workflow}"
        found[f"{path}/details"] = {"uid": f"wf-{workflow}", "steps": []}
        numbers = range(workflow, jobs, WORKFLOWS)
        found[f"{path}/jobs?page=0"] = [_job(number, workflow, rows * pages) for number in numbers]
        found[f"{path}/jobs?page=1"] = []
    number = 0
    for job in range(jobs):
        path = f"/v3/jobs/job-{job}/results"
        for page in range(pages):
            results = [result(number + row) for row in range(rows)]
            number += rows
            more = page + 1 < pages
            paging = {
                "previous": None,
                "next": f"{path}?cursor=c{page + 1}" if more else None,
                "have_next_page": more,
            }
            found[path + (f"?cursor=c{page}" if page else "")] = {
                "results": results,
                "paging": paging,
            }
    return {
        path: json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
        for path, body in found.items()
    }


def _job(number: int, workflow: int, rows: int) -> dict[str, object]:
    return {
        "uid": f"job-{number}",
        "name": f"Run {number}",
        "workflow_uid": f"wf-{workflow}",
        "workflow_name": f"Flow {workflow}",
        "main_job_uid": None,
        "status": "finished",
        "start_time": f"2026-01-{number % 28 + 1:02d}T10:00:00",
        "finish_time": f"2026-01-{number % 28 + 1:02d}T10:{number % 60:02d}:00",
        "number_inputs": 10,
        "row_count": rows,
        "accounts": [],
        "configuration": {"max": rows},
    }


class PageProtocol(asyncio.Protocol):
    """Just enough of HTTP/1.1: GET, keep-alive, Content-Length."""

    responses: dict[bytes, bytes]
    missing = b"HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\n{}"

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._buffer = b""

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            target = self._buffer.split(b" ", 2)[1]
            self._buffer = self._buffer[end + 4 :]
            self._transport.write(self.responses.get(target, self.missing))


async def serve(port: int, pages: dict[str, bytes]) -> None:
    """Serves until the process is killed; says `ready` on stdout."""
    PageProtocol.responses = {
        path.encode(): b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
        b"content-length: %d\r\n\r\n%b" % (len(body), body)
        for path, body in pages.items()
    }
    server = await asyncio.get_running_loop().create_server(PageProtocol, "127.0.0.1", port)
    sys.stdout.write(f"ready {sum(map(len, pages.values()))}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    port, *sizes = map(int, sys.argv[1:])
    asyncio.run(serve(port, build_pages(*sizes)))
