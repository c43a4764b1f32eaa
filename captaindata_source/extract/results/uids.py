"""Names of results, which have none in the API."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence

__all__ = ["result_uids"]


def result_uids(workspace_uid: str, job_uid: str) -> Callable[[Sequence[bytes]], list[str]]:
    """Makes the function that names the results of one job, page by page.

    A result has no uid in the API. Ours hashes workspace, job, the result's JSON text and the
    how-manieth equal text of the job it is: it stays when rows shift, and equal rows stay two.

    Returns:
        Page to uids, 32 hexadecimal digits each; call it for the pages in their order. It holds
        about 100 bytes for each result of the job.
    """
    job = hashlib.blake2b(f"{workspace_uid}\n{job_uid}\n".encode(), digest_size=16)
    seen: set[str] = set()
    repeats: Counter[str] = Counter()

    def name(data: bytes) -> str:
        result = job.copy()
        result.update(data)
        return result.hexdigest()

    def uids(page: Sequence[bytes]) -> list[str]:
        names = [name(data) for data in page]
        distinct = set(names)
        if len(distinct) == len(names) and seen.isdisjoint(distinct):
            seen.update(distinct)
            return names
        for index, uid in enumerate(names):
            if uid in seen:
                repeats[uid] += 1
                names[index] = name(page[index] + b"\n%d" % repeats[uid])
            else:
                seen.add(uid)
        return names

    return uids
