"""From what a database, a disk or dlt says to what happened and what to do about it.

`postgres`, `duckdb` and `folders` each hold a table of remedies. Drivers are not imported: they are
extras, and an error tells by itself who raised it.

What they say may hold rows and passwords. `message_of` and `words_of` are the only ways from an
error to a person, a log or a table, and leave both out.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from captaindata_source.errors import CaptainDataError, DestinationError, causes, root_error
from captaindata_source.warehouse.remedies import duckdb, folders, postgres
from captaindata_source.warehouse.remedies.case import Case
from captaindata_source.warehouse.remedies.words import (
    DATA,
    NO_CODE,
    TELLING_DUCKDB,
    driver_of,
    first_sentence,
    sqlstate_of,
    words_of,
)

__all__ = [
    "as_destination_error",
    "driver_of",
    "explained",
    "is_passing",
    "message_of",
    "spares_package",
    "words_of",
]


def as_destination_error(error: BaseException) -> DestinationError | None:
    """What an error means and what helps; None where the table does not know it."""
    found = _find(error)
    if found is None:
        return None
    case, cause = found
    return folders.elsewhere(cause) or DestinationError(
        f"{case.what}: {case.remedy} ({words_of(cause)})"
    )


@contextmanager
def explained(otherwise: str = "") -> Iterator[None]:
    """Turns an error that the table knows into a `DestinationError`.

    Args:
        otherwise: What failed and what helps, for those that it does not know; empty: they pass as
            they are.
    """
    try:
        yield
    except CaptainDataError:
        raise
    except Exception as error:
        if (known := as_destination_error(error)) is not None:
            raise known from error
        if otherwise:
            raise DestinationError(f"{otherwise} ({message_of(error)})") from error
        raise


def message_of(error: BaseException) -> str:
    """One line for people: our own words where there are some, else what the table knows, else the
    root of the error."""
    root = root_error(error)
    if isinstance(root, CaptainDataError):
        return str(root)
    if known := as_destination_error(error):
        return str(known)
    return words_of(root)


def is_passing(error: BaseException) -> bool:
    """Whether the same may work a moment later."""
    found = _find(error)
    return found is not None and found[0].is_passing


def spares_package(error: BaseException) -> bool:
    """Whether it is the destination or the machine that failed, whatever is loaded."""
    found = _find(error)
    return found is not None and not found[0].may_be_package


def _find(error: BaseException) -> tuple[Case, BaseException] | None:
    """The case of the deepest error that has one."""
    for cause in reversed(list(causes(error))):
        cases, code, said = _known_by(cause)
        for case in cases:
            if case.fits(code, said):
                return case, cause
    return None


def _known_by(error: BaseException) -> tuple[Sequence[Case], str, str]:
    """The table that an error may be in, its code, and the first sentence that it says."""
    said = first_sentence(error)
    if isinstance(error, OSError) and error.errno is not None:
        return folders.CASES, errno.errorcode.get(error.errno, ""), ""
    driver, name = driver_of(error), type(error).__name__
    if driver == "postgres":
        code = sqlstate_of(error)
        is_drivers = code == NO_CODE and name in ("OperationalError", "InterfaceError")
        return postgres.CASES, postgres.DRIVER if is_drivers else code, said
    if driver == "duckdb":
        return duckdb.CASES, name, said if name in TELLING_DUCKDB else DATA.sub("…", said)
    return (folders.DLT_CASES, name, "") if driver else ((), "", "")
