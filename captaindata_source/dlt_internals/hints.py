"""What dlt finds out of type hints: a quarter of a small sync, if asked each time."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any

from dlt.common import validation
from dlt.common.configuration.specs import base_configuration

__all__ = ["remember_hints"]

FUNCTIONS = ("is_secret_hint", "extract_inner_hint", "is_valid_configspec_field")
"""Of a hint, or a field of a dataclass, alone: the same each time."""
SPEC_HINTS = "get_type_hints"
"""Of `typing`, as dlt calls it to validate schemas: with a class and the names of its module."""
MOST = 4096
MARK = "_captaindata_source"


def remember_hints() -> None:
    """Lets dlt, in this process, find out once what a type hint says. Installed once."""
    hints_of: Callable[..., dict[str, Any]] = vars(validation)[SPEC_HINTS]
    if not hasattr(hints_of, MARK):
        vars(validation)[SPEC_HINTS] = _of_specs(hints_of)
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


def _of_specs(original: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    @functools.lru_cache(maxsize=MOST)
    def known(spec: type) -> dict[str, Any]:
        return original(spec, globalns=vars(sys.modules[spec.__module__]))

    def hints_of(spec: type, **kwargs: Any) -> dict[str, Any]:
        names = kwargs.get("globalns")
        if len(kwargs) != 1 or names is not vars(sys.modules[spec.__module__]):
            return original(spec, **kwargs)
        return dict(known(spec))

    setattr(hints_of, MARK, True)
    return hints_of
