"""Personal data that is to be dropped or hashed is nowhere, not even after a sync was killed."""

from __future__ import annotations

import base64
import gzip
import hashlib
import hmac
import json
import os
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.conftest import MakeHarness
from tests.support import leaks
from tests.support.databases import Postgres
from tests.support.harness import Harness

pytestmark = pytest.mark.integration

MAIL, PHONE, SECRET_NAME = "marked-mail@example.com", "+33 marked 7f3a91", "Marked Größenwahn"
PERSONAL = (MAIL, PHONE, SECRET_NAME, json.dumps(SECRET_NAME)[1:-1])
SALT = "pepper"
TRIES = 10
PREFIX = "SOURCES__CAPTAINDATA__"


@pytest.fixture
def harness(make_harness: MakeHarness, monkeypatch: pytest.MonkeyPatch) -> Harness:
    """A harness whose every result holds marked personal data, in several places and spellings."""
    harness = make_harness(workflows=2)
    more = (
        f'{{"mail":"{MAIL}","contact":{{"phones":[{{"number":"{PHONE}","kind":"home"}}]}},'
        f'"full\\u005fname":{json.dumps(SECRET_NAME)},'
    ).encode()
    original = harness.world.results_page

    def results_page(*arguments: object, **options: int) -> tuple[list[bytes], int]:
        rows, total = original(*arguments, **options)  # type: ignore[arg-type]
        return [more + row[1:] for row in rows], total

    monkeypatch.setattr(harness.world, "results_page", results_page)
    harness.extra |= {
        f"{PREFIX}CREATE_VIEWS": "true",
        f"{PREFIX}PACKAGE_MAX_RESULTS": "80",
        f"{PREFIX}EXCLUDE_FIELDS": '["full_name", "number"]',
        f"{PREFIX}HASH_FIELDS": '["mail"]',
        f"{PREFIX}HASH_SALT": SALT,
    }
    return harness


def kill_with_results_on_disk(harness: Harness, kept: Path) -> None:
    """Kills a sync while a load package with results waits in its folder."""
    for _ in range(TRIES):
        process, _ = harness.start("--full-refresh", data_dir=str(kept))
        while process.exitcode is None and not results_in(kept):
            time.sleep(0.001)
        process.kill()
        process.join()
        if results_in(kept):
            return
    raise AssertionError("every sync was done before it could be killed")


def results_in(kept: Path) -> list[str]:
    """Files of results that wait to be loaded."""
    return [
        name
        for folder, _, names in os.walk(kept)
        for name in names
        if "load/normalized" in folder and name.endswith(".parquet")
    ]


def assert_nothing_personal(harness: Harness) -> None:
    assert leaks.in_files(harness.folder, *PERSONAL) == []
    if isinstance(harness.database, Postgres):
        assert leaks.in_files(harness.database.socket_folder, *PERSONAL) == [], "nor in its WAL"
    assert leaks.in_tables(harness.database, *PERSONAL) == []


def test_personal_data_reaches_no_disk(harness: Harness) -> None:
    kept = harness.folder / "kept"
    kill_with_results_on_disk(harness, kept)
    assert leaks.in_files(harness.folder, *PERSONAL) == []

    synced = harness.finish(*harness.start(data_dir=str(kept)))
    assert synced.code == 0, synced.stderr
    rows = harness.rows("job_results")
    assert len(rows) > 30
    assert_nothing_personal(harness)
    digest = hmac.new(SALT.encode(), MAIL.encode(), hashlib.sha256).hexdigest()
    for row in rows:
        assert row["data"]["mail"] == digest, "it still joins and counts"
        assert row["data"]["contact"] == {"phones": [{"kind": "home"}]}
        assert "full_name" not in row["data"]
        assert len(row["data"]) > 2
    assert len({row["result_uid"] for row in rows}) == len(rows)


@pytest.mark.parametrize("database", ["duckdb"], indirect=True)
def test_without_the_options_all_of_it_arrives(harness: Harness) -> None:
    """The net of the test above catches."""
    for option in ("EXCLUDE_FIELDS", "HASH_FIELDS", "CREATE_VIEWS"):
        del harness.extra[f"{PREFIX}{option}"]
    kill_with_results_on_disk(harness, harness.folder / "kept")
    assert leaks.in_files(harness.folder, MAIL)
    harness.sync("--table", "job_results")
    assert any("job_results" in table for table in leaks.in_tables(harness.database, PHONE))


@pytest.mark.parametrize("database", ["duckdb"], indirect=True)
def test_typos_and_a_missing_salt_are_told(harness: Harness) -> None:
    harness.extra |= {f"{PREFIX}EXCLUDE_FIELDS": '["fullname", "number"]'}
    for option in ("HASH_SALT", "CREATE_VIEWS"):
        del harness.extra[f"{PREFIX}{option}"]
    synced = harness.sync()
    (summary,) = synced.summary["workspaces"]
    assert summary["unmatched_fields"] == {"fullname": "full_name"}
    assert synced.stderr.count("hash_fields without hash_salt") == 1
    assert len(synced.stderr.splitlines()) == 1
    (summary,) = harness.sync().summary["workspaces"]
    assert summary["unmatched_fields"] == {}, "nothing was fetched"


def test_texts_are_found_in_whatever_form(tmp_path: Path) -> None:
    text = MAIL.encode()
    (tmp_path / "plain").write_bytes(b"x" + text)
    (tmp_path / "base64").write_bytes(base64.b64encode(b"ab" + text + b"cde"))
    (tmp_path / "gz").write_bytes(gzip.compress(text))
    pq.write_table(pa.table({"a": [MAIL]}), tmp_path / "a.parquet", compression="zstd")
    (tmp_path / "clean").write_bytes(b"nothing")
    assert len(leaks.in_files(tmp_path, MAIL)) == 4
