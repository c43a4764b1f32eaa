"""What befalls a process of `tests.support.processes`, as its environment says.

A full disk, a kill at a certain moment, a wait that is shorter than in earnest.
"""

from __future__ import annotations

import ctypes
import importlib
import io
import json
import os
import resource
import signal
import sys
from collections.abc import Callable, Mapping
from itertools import count
from typing import Any

MAX_FILE_BYTES = "TEST_MAX_FILE_BYTES"
"""No file of the process grows beyond this: writes fail as on a full disk."""
DIE_IN = "TEST_DIE_IN"
"""`module:Class.function:n`: kills the process where it calls the function the nth time."""
BREAK_AFTER = "TEST_BREAK_AFTER"
"""`module:Class.function:n`: the nth call does its work, and then its connection breaks; `1,3` are
the first and third call."""
CONSTANTS = "TEST_CONSTANTS"
"""JSON object: `module:NAME` to the value it gets."""
HEEDS_MODES = "TEST_HEEDS_MODES"
"""File modes bind the process also where root runs it."""
STREAMS = "TEST_STREAMS"
"""JSON object: `stdout` or `stderr` to the path or encoding that it gets, `closed`, or `left`: a
pipe whose reader has gone."""
CAPABILITY_VERSION_3 = 0x20080522


def install(environment: Mapping[str, str]) -> None:
    """Prepares what is to befall this process."""
    for name, value in json.loads(environment.get(CONSTANTS, "{}")).items():
        module, _, attribute = name.partition(":")
        setattr(importlib.import_module(module), attribute, value)
    if place := environment.get(DIE_IN):
        _intercept(*place.split(":"), before=lambda: os.kill(os.getpid(), signal.SIGKILL))
    if place := environment.get(BREAK_AFTER):
        _intercept(*place.split(":"), after=_break)
    if HEEDS_MODES in environment:
        _drop_capabilities()
    for name, value in json.loads(environment.get(STREAMS, "{}")).items():
        _change_stream(getattr(sys, name), value)
    if size := environment.get(MAX_FILE_BYTES):
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(size), int(size)))


def _break() -> None:
    raise ConnectionResetError("the connection broke once the work was done")


def _intercept(
    module: str,
    path: str,
    numbers: str,
    *,
    before: Callable[[], object] = lambda: None,
    after: Callable[[], object] = lambda: None,
) -> None:
    """Does something before or after certain calls of a function."""
    owner: Any = importlib.import_module(module)
    *parents, name = path.split(".")
    for parent in parents:
        owner = getattr(owner, parent)
    function = getattr(owner, name)
    calls = count(1)
    chosen = {int(number) for number in numbers.split(",")}

    def intercepted(*arguments: Any, **named: Any) -> Any:
        is_it = next(calls) in chosen
        if is_it:
            before()
        result = function(*arguments, **named)
        if is_it:
            after()
        return result

    setattr(owner, name, intercepted)


def _change_stream(stream: io.TextIOWrapper, how: str) -> None:
    number = stream.fileno()
    if how == "closed":
        os.close(number)
    elif how == "left":
        reader, writer = os.pipe()
        os.close(reader)
        os.dup2(writer, number)
    elif how.startswith("/"):
        os.dup2(os.open(how, os.O_WRONLY), number)
    else:
        stream.reconfigure(encoding=how, errors="strict")


def _drop_capabilities() -> None:
    """Root without capabilities is a user like others, for files too."""
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    nothing = (ctypes.c_uint32 * 6)()
    if ctypes.CDLL(None, use_errno=True).capset(header, nothing):
        raise OSError(ctypes.get_errno(), "capset")
