"""What was fetched of a job's results, before it is known whether it is kept."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from captaindata_source.extract.queue import ResultJob
from captaindata_source.extract.results.files import OpenFile
from captaindata_source.extract.results.pages import ResultPage
from captaindata_source.times import since_epoch
from captaindata_source.warehouse.answers import SET_LENGTH

__all__ = ["Fetched"]


@dataclass(slots=True)
class Fetched:
    """The results of one job."""

    waiting: list[ResultPage] = field(default_factory=list)
    size: int = 0
    """Bytes that wait for a file."""
    files: list[OpenFile] = field(default_factory=list)
    rows: int = 0
    content: int = 0
    """The same for the same results, in whatever order."""
    in_order: hashlib.blake2b = field(default_factory=lambda: hashlib.blake2b(digest_size=8))
    """The same for the same results in the same order."""
    has_job_time: bool = False
    """Whether the job's own time goes into a row."""
    uids: set[str] = field(default_factory=set)
    """Of the results of a run that may be continued."""
    is_repeated: bool = False
    """Whether a page of several results came twice in a row."""

    def content_hash(self, job: ResultJob) -> str:
        """The same for rows that are the same; its beginning in whatever order they are."""
        as_stored = self.in_order.copy()
        time = since_epoch(job.finish_time) if self.has_job_time else None
        as_stored.update(repr([job.workflow_uid, time]).encode())
        half = 4 * SET_LENGTH
        return f"{self.content % 2**half:0{SET_LENGTH}x}{as_stored.hexdigest()}"
