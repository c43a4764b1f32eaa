"""Tables beside the five: off unless asked for, equal to the world, and without its secrets."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest

from captaindata_source.sandbox import SECRET_MARKER, Workspace
from captaindata_source.sandbox.people import PERMALINKS
from tests.support import leaks, processes
from tests.support.faults import Fault
from tests.support.harness import Harness
from tests.support.oracle import MEMBER_FIELDS

EXTRAS = ("identities", "integrations", "workspace_members", "accounts")
FIELDS = {
    "identities": ("uid", "name", "type", "timezone"),
    "integrations": (
        *("identity_uid", "integration_permalink", "uid", "name", "status", "auth_type"),
        *("setup_source", "is_shared", "level", "error"),
    ),
    "workspace_members": tuple(name for name in MEMBER_FIELDS if name != "created_at"),
    "accounts": ("integration", "uid", "name", "email", "status", "user_uid"),
}
ON_ONE_DATABASE = pytest.mark.parametrize("database", ["duckdb"], indirect=True)
Json = dict[str, Any]


def expected(harness: Harness, workspace: Workspace) -> dict[str, list[Json]]:
    world = harness.world
    return {
        "identities": world.v4.identities(workspace),
        "integrations": world.v4.identity_integrations(workspace),
        "workspace_members": world.v4.members(workspace),
        "accounts": [each for name in PERMALINKS for each in world.accounts(workspace, name)],
    }


def outside(paths: list[str]) -> list[str]:
    """Those of them that no table of these needs."""
    needed = ("/users", "/workspace", "/workspaces", "/accounts")
    return [path for path in paths if not path.endswith(needed) and "/identities" not in path]


def keys(rows: list[Json], table: str) -> list[str]:
    names = FIELDS[table]
    return sorted(json.dumps({name: row[name] for name in names}, sort_keys=True) for row in rows)


@pytest.mark.integration
@ON_ONE_DATABASE
def test_extra_tables_follow_the_world_and_hold_none_of_its_secrets(
    harness_of_two: Harness,
) -> None:
    harness = harness_of_two
    world = harness.world
    old, new = world.workspaces[::-1]
    planted = f"{SECRET_MARKER}planted"
    sneaky = {
        "uid": "sneaky",
        "full_name": "Sneaky",
        "cookies": [{"value": planted}],
        "accounts": [{"uid": "a", "application_permalink": "linkedin", "session": planted}],
        "integrations": [{"auth_data": {"token": planted}}],
        "identity_login_links": [planted],
    }
    configs = [
        harness.config(old),
        harness.config(new, api_version="v4"),
    ]
    more = ["--table", "workspaces", *(x for table in EXTRAS for x in ("--table", table))]
    secrets = set()
    gone: Counter[str] = Counter()
    for day in (0, 3.2):
        world.advance(days=day)
        secrets |= {*world.secrets()}
        if day:
            for path, owner in (("/v3/users$", old), ("/v4/users$", new)):
                users = (world.users if owner is old else world.v4.members)(owner)
                body = json.dumps([*users, sneaky])
                if owner is old:
                    body = json.dumps({"users": [*users, sneaky], "pages": 1})
                harness.sandbox.faults.add(
                    Fault(match=path, kind="replace", body=body, workspace=owner.uid)
                )
        synced = harness.sync(*more, configs=configs)
        assert not outside(synced.paths(""))
        for workspace, tables in ((old, EXTRAS[3:]), (new, EXTRAS[:3])):
            wanted = expected(harness, workspace)
            for table in tables:
                rows = harness.rows(table, where=f"workspace_uid = '{workspace.uid}'")
                there = [row for row in rows if not row["is_deleted"]]
                there = [row for row in there if row["uid"] not in ("sneaky", "a")]
                assert keys(there, table) == keys(wanted[table], table), table
                assert wanted[table]
                gone[table] += len(rows) - len(there)
                assert len({*keys(rows, table)}) == len(rows)
    assert gone["identities"] > 0
    assert gone["integrations"] > 0
    (members,) = [row["members"] for row in harness.rows("workspaces", where=f"uid = '{new.uid}'")]
    assert members[-1]["full_name"] == "Sneaky"
    (members,) = [row["members"] for row in harness.rows("workspaces", where=f"uid = '{old.uid}'")]
    assert members[-1]["full_name"] == "Sneaky"
    assert members[-1]["accounts"] == [{"uid": "a", "application_permalink": "linkedin"}]
    harness.sandbox.faults.clear()

    # all the rest too, by configuration; one empty listing deletes nothing
    before = Counter({table: len(harness.rows(table, where="not is_deleted")) for table in EXTRAS})
    harness.sandbox.faults.add(Fault(match="/identities$", kind="replace", body="[]"))
    harness.extra |= {
        "RUNTIME__LOG_LEVEL": "DEBUG",
        processes.LOG_LEVEL: "DEBUG",
        "SOURCES__CAPTAINDATA__CREATE_VIEWS": "true",
    }
    kept = harness.folder / "kept"
    harness.extra["SOURCES__CAPTAINDATA__EXTRA_TABLES"] = '["identities", "integrations"]'
    synced = harness.sync(configs=configs, data_dir=str(kept))
    after = Counter({table: len(harness.rows(table, where="not is_deleted")) for table in EXTRAS})
    assert after["identities"] == before["identities"]
    assert after["integrations"] == before["integrations"]
    assert synced.workspaces[new.name.split()[0].lower()]["issues"]
    assert harness.rows("job_results")

    files = leaks.files(harness.folder)
    assert len(files) > 10
    assert any(path.suffix == ".duckdb" for path in files)
    assert len(secrets) > 50
    assert leaks.in_files(harness.folder, SECRET_MARKER) == []
    assert leaks.in_tables(harness.database, SECRET_MARKER) == []
    loaded = " ".join(str(row) for table in EXTRAS for row in harness.rows(table))
    assert not [secret for secret in secrets if secret in loaded]


@ON_ONE_DATABASE
def test_a_workspace_may_have_extra_tables_of_its_own(harness_of_two: Harness) -> None:
    harness = harness_of_two
    one, other = harness.world.workspaces
    synced = harness.sync(
        configs=[
            harness.config(one, api_version="v4", extra_tables=["identities"]),
            harness.config(other, api_version="v4"),
        ]
    )
    assert {row["workspace_uid"] for row in harness.rows("identities")} == {one.uid}
    first, second = synced.summary["workspaces"]
    assert first["rows"]["identities"] > 0
    assert "identities" not in second["rows"]
    asked = [each.workspace_uid for each in synced.requests if each.path.endswith("/identities")]
    assert set(asked) == {one.uid}
