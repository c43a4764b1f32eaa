"""Marked keys are planted; nothing that a sync leaves behind may hold them."""

from __future__ import annotations

import base64
import json
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


def test_no_key_in_logs_errors_traces_or_files(harness_of_two: Harness) -> None:
    harness = harness_of_two
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


def test_nothing_that_was_loaded_stays_in_the_working_folder(harness: Harness) -> None:
    kept = harness.folder / "kept"
    harness.extra["SOURCES__CAPTAINDATA__PACKAGE_MAX_RESULTS"] = "100"
    assert harness.sync(data_dir=str(kept)).summary["workspaces"][0]["load_packages"] > 1
    mail = harness.rows("workspaces")[0]["email"]
    texts = [json.dumps(row["data"])[:40].encode() for row in harness.rows("job_results")]
    files = [path for path in kept.rglob("*") if path.is_file()]
    assert files
    for path in files:
        content = path.read_bytes()
        assert path.suffix not in (".parquet", ".jsonl", ".gz"), path
        assert mail.encode() not in content, path
        assert not any(text in content for text in texts), path
