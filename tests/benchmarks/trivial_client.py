"""Fetches every page of results and drops it: how fast the page server can serve.

    python trivial_client.py BASE_URL JOBS PAGES_PER_JOB

Eight threads with an httpx client each, as the connector has. Prints seconds and bytes as JSON.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx

THREADS = 8


def main(base_url: str, jobs: int, pages: int) -> None:
    own = threading.local()

    def read(job: int) -> int:
        if not hasattr(own, "client"):
            own.client = httpx.Client()
        url = f"{base_url}/jobs/job-{job}/results"
        size = 0
        for page in range(pages):
            response = own.client.get(url + (f"?cursor=c{page}" if page else ""))
            response.raise_for_status()
            size += len(response.content)
        return size

    begin = time.perf_counter()
    with ThreadPoolExecutor(THREADS) as pool:
        size = sum(pool.map(read, range(jobs)))
    seconds = time.perf_counter() - begin
    sys.stdout.write(json.dumps({"seconds": seconds, "bytes": size}) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
