"""In which phase a sync was killed, as the files tell that it left in dlt's working folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from captaindata_source.sandbox import LoggedRequest

STARTING, LISTING, FETCHING = "starting", "listing", "fetching"
NORMALIZE, LOAD, BETWEEN, AFTER = "normalize", "load", "between", "after"
PHASES = (STARTING, LISTING, FETCHING, NORMALIZE, LOAD, BETWEEN, AFTER)
"""`starting` ends with the first call, `between` is between two load packages, `after` is after the
last. Of several workspaces, the one furthest into a package decides."""
RESULTS = ("/results", "/outputs")
"""How paths of calls for results end."""
_DEPTH = (LOAD, NORMALIZE, FETCHING, LISTING, BETWEEN)


def phase_of(data_dir: Path, requests: Sequence[LoggedRequest], *, loaded_before: set[str]) -> str:
    """The phase in which the sync was that left those files and had made those requests.

    It can't tell `AFTER` from `BETWEEN`: only the next sync shows whether all was fetched.

    Args:
        data_dir: Its `DLT_DATA_DIR`.
        requests: What it had asked for.
        loaded_before: What `loaded_packages` gave before it began.
    """
    if not requests:
        return STARTING
    is_fetching = any(request.path.endswith(RESULTS) for request in requests)
    found = {
        _of_pipeline(folder, loaded_before=loaded_before, is_fetching=is_fetching)
        for folder in (data_dir / "captaindata").glob("*/")
        if not folder.name.endswith("_failed")
    }
    return next((phase for phase in _DEPTH if phase in found), STARTING)


def loaded_packages(data_dir: Path) -> set[str]:
    """Ids of the load packages whose load was completed."""
    return {path.name for path in data_dir.glob("captaindata/*/load/loaded/*/")}


def loads_begun(data_dir: Path) -> set[str]:
    """Ids of the load packages whose load may have begun, or is complete."""
    begun = {path.name for path in data_dir.glob("captaindata/*/load/normalized/*/")}
    return begun | loaded_packages(data_dir)


def pending_packages(data_dir: Path) -> list[str]:
    """Load packages that are neither loaded nor dropped, as paths below the folder."""
    return _found(data_dir, "normalize/*/", "normalize/extracted/*/", "load/normalized/*/")


def litter(data_dir: Path) -> list[str]:
    """What a killed sync was writing and nothing will ever read or remove."""
    return _found(data_dir, "load/new/*/", "result_files/*/")


def _found(data_dir: Path, *patterns: str) -> list[str]:
    found = [
        path
        for pattern in patterns
        for path in data_dir.glob(f"captaindata/*/{pattern}")
        if path.name != "extracted"
    ]
    return sorted(str(path.relative_to(data_dir)) for path in found)


def _of_pipeline(folder: Path, *, loaded_before: set[str], is_fetching: bool) -> str:
    if _packages(folder / "load" / "normalized"):
        return LOAD
    if _packages(folder / "normalize" / "extracted"):
        return NORMALIZE
    has_loaded = bool(_packages(folder / "load" / "loaded") - loaded_before)
    if _packages(folder / "normalize") - {"extracted"}:
        # every package but the first of a sync is of results alone
        return FETCHING if has_loaded or is_fetching else LISTING
    return BETWEEN if has_loaded else STARTING


def _packages(folder: Path) -> set[str]:
    return {path.name for path in folder.glob("*/")}
