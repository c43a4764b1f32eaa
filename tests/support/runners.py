"""Processes in other environments that take a command as a line of JSON and answer with another."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["PYTHON", "Runner"]

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venv" / "orchestrators" / "bin" / "python"
LIMIT_SECONDS = 480


class Runner:
    """A process of another environment.

    Args:
        script: What it runs.
        arguments: Of the script.
        folder: Where; its working folder and home.
        environment: Variables.
        name: Of its log.
        python: The environment's interpreter.
    """

    def __init__(
        self,
        script: str,
        *arguments: str,
        folder: Path,
        environment: Mapping[str, str],
        name: str = "runner",
        python: Path = PYTHON,
    ) -> None:
        folder_name = python.parents[1].name
        assert python.exists(), f"{python} is not there: run make .venv/.{folder_name}-ready"
        self._errors = (folder / f"{name}.err").open("w+", encoding="utf-8")
        self._process = subprocess.Popen(
            [python, "-W", "ignore", "-I", script, *arguments],
            cwd=folder,
            env={
                "PATH": f"{python.parent}:{os.environ['PATH']}",
                "HOME": str(folder),
                **environment,
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )
        self._limit = threading.Timer(LIMIT_SECONDS, self._process.kill)
        self._limit.start()

    def __call__(self, **command: Any) -> Any:
        """Runs a command to its end."""
        self.begin(**command)
        return self.end()

    def begin(self, **command: Any) -> None:
        """Begins a command."""
        assert self._process.stdin
        print(json.dumps(command), file=self._process.stdin, flush=True)

    def end(self) -> Any:
        """Waits for the answer to the command that began first."""
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            self._process.wait(30)
        assert line, self.log
        return json.loads(line)

    @property
    def log(self) -> str:
        """All that it wrote to standard error."""
        self._errors.seek(0)
        return self._errors.read()

    def close(self) -> None:
        """Ends it."""
        self._limit.cancel()
        self._process.communicate(timeout=30)
        self._errors.close()
