"""Whoever follows a page of results through the code opens few files."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.page_walk import walk

MAX_FILES = 10
MAX_FUNCTIONS = 30


@pytest.mark.parametrize("version", ["v3", "v4"])
def test_a_page_passes_few_files_and_functions(version: str, tmp_path: Path) -> None:
    passed = walk(version, tmp_path)
    files = {file for file, _ in passed}
    assert {"http/client.py", f"api/{version}.py", "extract/results/reader.py"} <= files
    assert len(files) <= MAX_FILES, sorted(files)
    assert len(passed) <= MAX_FUNCTIONS, passed
