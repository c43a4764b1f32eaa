"""What the fork server imports last: with all modules loaded, it makes its forks cheap.

A frozen heap is not walked by the garbage collector of each fork, and so is not copied either.

Two things that dlt asks of the same few types a thousand times a sync are remembered, an eighth of
what a small sync costs; answers stay the same. Pipelines of one's own, and scripts, are tested with
dlt as it is.
"""

from __future__ import annotations

import atexit
import functools
import gc
import sys
from typing import Any

from dlt.common import validation
from dlt.common.configuration.providers import environ

_read_hints = vars(validation)["get_type_hints"]


@functools.cache
def _hints_of(spec: type) -> dict[str, Any]:
    found: dict[str, Any] = _read_hints(spec, globalns=vars(sys.modules[spec.__module__]))
    return found


def _get_type_hints(spec: type, globalns: object) -> dict[str, Any]:
    return dict(_hints_of(spec))


vars(validation)["get_type_hints"] = _get_type_hints
vars(environ)["is_secret_hint"] = functools.cache(vars(environ)["is_secret_hint"])

gc.collect()
gc.freeze()
atexit.register(gc.unfreeze)
