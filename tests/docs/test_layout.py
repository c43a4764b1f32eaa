"""Folders know one another in one direction only, and each keeps to its job."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import TypeGuard

import captaindata_source

SELF = "captaindata_source"
ROOT = Path(captaindata_source.__file__).parent
ROOMS = (
    "cli",
    "dagster",
    "assistant",
    "report",
    "export",
    "events",
    "engine",
    "alerts",
    "source",
    "extract",
    "views",
    "warehouse",
    "settings",
    "api",
    "http",
)
"""From the top down. A room imports from those below it, and from the modules at the ground."""
GROUND = {
    "bookkeeping_tables",
    "change_tables",
    "dlt_internals",
    "duckdb_arrow",
    "errors",
    "extra_tables",
    "files",
    "issues",
    "json_text",
    "people_fields",
    "people_placeholders",
    "since",
    "sqltext",
    "table",
    "tables",
    "tabular",
    "times",
    "waiting",
}
SANDBOX = "sandbox"


def modules() -> Iterator[tuple[Path, str]]:
    for path in sorted(ROOT.rglob("*.py")):
        yield path, path.relative_to(ROOT).parts[0].removesuffix(".py")


def imports_of(path: Path) -> Iterator[str]:
    """Rooms of this package that a module imports from."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module]
            if node.module == SELF:
                names = [f"{SELF}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        for name in names:
            if name.startswith(f"{SELF}.") and name != f"{SELF}.__version__":
                yield name.split(".")[1]


def test_each_module_is_in_a_room_or_at_the_ground() -> None:
    assert {room for _, room in modules()} == {*ROOMS, *GROUND, SANDBOX, "__init__"}


def test_rooms_import_from_below() -> None:
    rank = {room: number for number, room in enumerate(reversed(ROOMS), start=1)}
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path, room in modules()
        if room not in (SANDBOX, "__init__")
        for name in imports_of(path)
        if rank.get(name, 0) > rank.get(room, 0) and name != SANDBOX
    ]
    assert wrong == []


def test_sandbox_and_connector_import_nothing_from_each_other() -> None:
    imported = {name for path, room in modules() if room == SANDBOX for name in imports_of(path)}
    assert imported == {SANDBOX}
    users = {room for path, room in modules() if SANDBOX in imports_of(path)}
    assert users == {SANDBOX, "cli"}, "only the command line starts the sandbox"


def test_only_http_sends_and_only_the_api_knows_paths() -> None:
    secrets = ('"workflows/', '"jobs/', "have_next_page", "x-api-key")
    for path, room in modules():
        text = path.read_text(encoding="utf-8")
        if room not in ("api", SANDBOX):
            for secret in secrets:
                allowed = path.name == "reader.py" and secret == '"jobs/'
                assert secret not in text or allowed, f"{secret} in {path.relative_to(ROOT)}"
        if room not in ("http", SANDBOX):
            assert "httpx.Client" not in text, path.relative_to(ROOT)


def test_only_the_command_writes_to_the_terminal() -> None:
    for path, room in modules():
        if room not in ("cli", SANDBOX):
            text = path.read_text(encoding="utf-8")
            assert "sys.stdout" not in text, path.relative_to(ROOT)
            assert "sys.stderr" not in text, path.relative_to(ROOT)


def test_no_test_file_imports_another() -> None:
    tests = Path(__file__).parents[1]
    for path in sorted(tests.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
                tested = [n for n in names if n.rsplit(".", 1)[-1].startswith("test_")]
                assert not tested, f"{path.relative_to(tests)} imports {tested}"


PUBLIC = {"_asdict", "_exit", "_fields", "_replace"}
"""Of named tuples and `os`, which are documented."""
OURS = {"self", "cls", "other"}


def is_own(node: ast.AST) -> bool:
    """Whether it is an attribute of an object of the class at hand."""
    return (
        isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id in OURS
    )


def is_private(node: ast.AST) -> TypeGuard[ast.Attribute]:
    """Whether it is an attribute that only its own class should know."""
    return (
        isinstance(node, ast.Attribute)
        and node.attr.startswith("_")
        and not node.attr.endswith("__")
        and node.attr not in PUBLIC
    )


def private_names_and_patches(tree: ast.AST) -> Iterator[str]:
    """Private names of something else, and functions that are put in the place of others."""
    functions = {each.name for each in ast.walk(tree) if isinstance(each, ast.FunctionDef)}
    for node in ast.walk(tree):
        if is_private(node) and not is_own(node):
            yield node.attr
        if isinstance(node, ast.Assign):
            is_function = isinstance(node.value, ast.Lambda) or (
                isinstance(node.value, ast.Name) and node.value.id in functions
            )
            for target in node.targets:
                if is_function and isinstance(target, ast.Attribute) and not is_own(target):
                    yield f"{target.attr} = …"


def test_only_dlt_internals_leans_on_the_inside_of_dlt() -> None:
    wrong = {
        str(path.relative_to(ROOT)): found
        for path, room in modules()
        if room not in ("dlt_internals", SANDBOX)
        and (found := [*private_names_and_patches(ast.parse(path.read_text(encoding="utf-8")))])
    }
    assert wrong == {}, "put it into dlt_internals/, with a test in tests/unit/dlt_internals/"


def test_the_rule_sees_what_it_is_for() -> None:
    text = "pipe._steps\ndef run(): ...\njob.run = run\njob.stop = lambda: None\nself._own = run"
    found = sorted(private_names_and_patches(ast.parse(text)))
    assert found == ["_steps", "run = …", "stop = …"]
