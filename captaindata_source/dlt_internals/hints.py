"""What dlt finds out of type hints: a quarter of a small sync, if asked each time."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any

from dlt.common.configuration.specs import base_configuration

__all__ = ["remember_hints"]

FUNCTIONS = ("is_secret_hint", "extract_inner_hint", "is_valid_configspec_field")
"""Of a hint, or a field of a dataclass, alone: the same each time."""
MOST = 4096
MARK = "_captaindata_source"


def remember_hints() -> None:
    """Lets dlt, in this process, find out once what a type hint says. Installed once."""
    for name in FUNCTIONS:
        original: Callable[..., Any] = vars(base_configuration)[name]
        if hasattr(original, MARK):
            continue
        remembering = _remembering(original)
        for module in [each for key, each in sys.modules.items() if key.split(".")[0] == "dlt"]:
            if vars(module).get(name) is original:
                vars(module)[name] = remembering


def _remembering(original: Callable[..., Any]) -> Callable[..., Any]:
    known = functools.lru_cache(maxsize=MOST)(original)

    @functools.wraps(original)
    def remembering(*args: Any, **kwargs: Any) -> Any:
        try:
            return known(*args, **kwargs)
        except TypeError:  # a hint with a list in it has no hash
            return original(*args, **kwargs)

    setattr(remembering, MARK, True)
    return remembering
