"""The working folders of the command's pipelines: where they are, what they are called, which of
them nobody needs any more.

They are all in one folder of ours beside dlt's own, so that `dlt pipeline --list-pipelines` shows
the pipelines that people made. A folder belongs to one workspace in one dataset of one database: a
package that waits in it can't get into another.
"""

from __future__ import annotations

import hashlib
import logging
import re
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import dlt
from dlt.common.configuration.exceptions import ConfigurationException
from dlt.common.pipeline import get_dlt_pipelines_dir

from captaindata_source.errors import BusyError, DestinationError
from captaindata_source.warehouse.database import DUCKDB, POSTGRES, file_of
from captaindata_source.warehouse.file_locks import folder_lock

__all__ = ["clean_up", "name_of", "place_of", "short_hash", "working_folder"]

logger = logging.getLogger(__name__)

FOLDER = "captaindata"
MAX_PARTS = (16, 12, 12)
"""Characters of the workspace's name, destination and dataset in the name of a folder: dlt takes
64 in all."""
STALE_DAYS = 90
EARLIER = re.compile(r"captaindata_([0-9a-f]{8}|warehouse)_[0-9a-f]{8}(_failed)?")
"""What earlier versions called their folders, which were among those of all pipelines."""
PENDING = ("normalize/extracted/*/", "load/normalized/*/")
ADDRESS = ("host", "hostaddr", "port", "dbname", "service")
"""What tells one Postgres database from another in an address of libpq."""


def working_folder() -> Path:
    """Holds the working folders; made where it is missing."""
    return Path(get_dlt_pipelines_dir()).parent / FOLDER


def name_of(workspace: str, uid: str, pipeline: dlt.Pipeline) -> str:
    """The name of a workspace's pipeline, which is also that of its folder.

    Args:
        workspace: Its configured name.
        uid: Its uid.
        pipeline: Any with the destination and dataset.

    Returns:
        `captaindata_<workspace>_<destination>_<dataset>_<8 hex digits>`, in lower case; the digits
        stand for the uid, the database and the dataset.
    """
    destination, dataset = pipeline.destination.destination_name, pipeline.dataset_name
    digits = short_hash("\n".join((uid, destination, dataset, place_of(pipeline))))
    parts = map(_plain, (workspace, destination, dataset), MAX_PARTS)
    return "_".join(["captaindata", *filter(None, parts), digits])


def place_of(pipeline: dlt.Pipeline) -> str:
    """What tells a pipeline's database from all others, as far as dlt knows it; holds no secret."""
    kind = pipeline.destination.destination_type
    if kind == DUCKDB:
        client = pipeline.sql_client()
        file = file_of(client)
        return str(file.resolve() if file else client.credentials.database).partition("?")[0]
    if kind == POSTGRES:
        return _postgres(pipeline.sql_client().credentials.to_native_representation())
    config = pipeline.destination_client().config
    found = [str(Path.cwd()), str(config.fingerprint())]  # a path may be relative
    with suppress(ConfigurationException, ValueError, AttributeError):  # older dlt lacks it
        found.append(str(config.data_location()))
    return "\n".join(found)


def _postgres(address: str) -> str:
    from psycopg2.extensions import parse_dsn  # noqa: PLC0415 - an extra

    parts = parse_dsn(address)
    return " ".join(f"{name}={parts[name]}" for name in ADDRESS if name in parts)


def clean_up(pipelines: Sequence[dlt.Pipeline], *, earlier: Sequence[str] = ()) -> None:
    """Removes folders that no sync needs any more, unless a process is at work in them.

    What waits in a folder for its load goes with it only where a sync of the same workspace into
    the same database is about to run: it sees what is missing, and fetches it.

    Args:
        pipelines: Those of that sync.
        earlier: What an earlier version called their folders.
    """
    for folder in _stale(pipelines, earlier):
        try:
            with folder_lock(folder):
                is_pending = _pending(folder)
                shutil.rmtree(folder)
                (folder.parent / f".{folder.name}.lock").unlink(missing_ok=True)
        except (BusyError, DestinationError, OSError) as error:
            logger.debug("Working folder %s stays: %s", folder, error)
            continue
        if is_pending:
            logger.warning(
                "Working folder %s of an earlier version or name is removed; what was not loaded "
                "is fetched again",
                folder,
            )
        else:
            logger.info("Working folder %s is not needed any more: removed", folder)


def _stale(pipelines: Sequence[dlt.Pipeline], earlier: Sequence[str]) -> Iterator[Path]:
    for folder in Path(get_dlt_pipelines_dir()).glob("captaindata_*/"):
        if folder.name in earlier or (EARLIER.fullmatch(folder.name) and not _pending(folder)):
            yield folder
    names = {pipeline.pipeline_name for pipeline in pipelines}
    digits = {name.rpartition("_")[2] for name in names}
    for folder in working_folder().glob("captaindata_*/"):
        # its workspace has another name now; or it was not used for long
        is_renamed = folder.name.rpartition("_")[2] in digits
        if folder.name not in names and (is_renamed or (_is_old(folder) and not _pending(folder))):
            yield folder


def _pending(folder: Path) -> bool:
    return any(True for pattern in PENDING for _ in folder.glob(pattern))


def _is_old(folder: Path) -> bool:
    with suppress(OSError):
        newest = max(path.stat().st_mtime for path in (folder, folder / "state.json"))
        return time.time() - newest > STALE_DAYS * 24 * 3600
    return False


def short_hash(text: str) -> str:
    """Eight digits that stand for a text."""
    return hashlib.blake2b(text.encode(), digest_size=4).hexdigest()


def _plain(text: str, length: int) -> str:
    """A name as far as it is safe in the name of a folder, and in dlt's."""
    return re.sub(r"[^a-z0-9]+", "_", text.lower())[:length].strip("_")
