"""Marked keys are planted; nothing that a sync leaves behind may hold them."""

from __future__ import annotations

import base64
from pathlib import Path

from tests.support import processes
from tests.support.harness import Harness

MARK = "marked-key-7f3a91"


def traces(folder: Path, key: str) -> list[str]:
    """Files below `folder` that hold the key, plain or in base64."""
    needles = [key.encode(), *(base64.b64encode(b"x" * n + key.encode())[4:-4] for n in range(3))]
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert len(files) > 20
    return [
        str(path.relative_to(folder))
        for path in files
        if any(needle in path.read_bytes() for needle in needles)
    ]


def test_no_key_in_logs_errors_traces_or_files(harness: Harness) -> None:
    first, second = harness.world.workspaces
    configs = [
        harness.config(first),
        harness.config(second, api_key=MARK),  # is refused: the path of errors
    ]
    harness.extra["RUNTIME__LOG_LEVEL"] = "DEBUG"
    environment = harness.environment(configs, data_dir=str(harness.folder / "kept"))
    assert MARK in environment["SOURCES__CAPTAINDATA__WORKSPACES"]
    done = processes.run(
        [
            "sync",
            "--progress",
            "log",
            "--destination",
            harness.database.name,
            "--dataset",
            harness.database.dataset,
        ],
        environment=environment,
        folder=harness.folder,
    )
    assert done.code == 1
    assert "API key is not accepted" in done.stdout
    assert len(done.stderr) > 10_000, "DEBUG logs were written"
    assert (harness.folder / "kept").is_dir()
    for key in (MARK, first.api_key):
        assert traces(harness.folder, key) == []
        for table in ("sync_runs", "_dlt_pipeline_state", "_dlt_version", "workspaces"):
            assert key not in str(harness.rows(table))
    assert harness.rows("job_results"), "the accepted key was used"
