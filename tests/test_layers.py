"""Modules know one another in one direction only."""

from __future__ import annotations

import ast
from pathlib import Path

import captaindata_source

ROOT = Path(captaindata_source.__file__).parent
LAYERS = [
    {
        "answers",
        "dataset_reads",
        "errors",
        "files",
        "issues",
        "json_text",
        "logs",
        "memory",
        "output",
        "sqltext",
        "tables",
        "tabular",
        "times",
        "waiting",
    },
    {
        "arguments",
        "config_files",
        "dlt_internals",
        "folder_names",
        "options",
        "remedies",
        "statuses",
    },
    {"option_names", "starter"},
    {"http"},
    {"api"},
    {
        "credentials",
        "guard",
        "privacy",
        "progress",
        "queue",
        "records",
        "report",
        "settings",
        "stages",
    },
    {"appending"},
    {"loaded_version"},
    {
        "database",
        "result_files",
        "result_pages",
        "result_uids",
        "results",
        "warehouse",
    },
    {"interrupts", "locks", "stored_secrets", "views"},
    {"typed"},
    {"plan"},
    {"resources"},
    {"source"},
    {"sync_log"},
    {
        "config",
        "destinations",
        "folders",
        "pipeline",
        "preflight",
        "spelling",
        "targets",
    },
    {"place", "publish", "results_export"},
    {"after_load"},
    {"leftovers", "uncommitted"},
    {"loading"},
    {"check", "runner"},
    {"cli_warehouse"},
    {"cli"},
]
ORDER = {name: rank for rank, names in enumerate(LAYERS) for name in names}
SELF = "captaindata_source"


def module_of(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imports_of(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module]
            if node.module == SELF:
                names = [f"{SELF}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        found |= {name.split(".")[1] for name in names if name.startswith(f"{SELF}.")}
    return found - {"__version__"}


def test_every_module_has_a_layer() -> None:
    names = {module_of(path) for path in ROOT.rglob("*.py")} - {"__init__", "sandbox"}
    assert names == set(ORDER)


def test_modules_import_from_their_own_layer_or_below() -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in ROOT.rglob("*.py")
        if module_of(path) in ORDER
        for name in imports_of(path) - {"sandbox"}
        if ORDER[name] > ORDER[module_of(path)]
    ]
    assert wrong == []


def test_sandbox_and_connector_import_nothing_from_each_other() -> None:
    sandbox = [p for p in ROOT.rglob("*.py") if module_of(p) == "sandbox"]
    assert len(sandbox) > 10
    assert {name for path in sandbox for name in imports_of(path)} <= {"sandbox"}
    users = {module_of(p) for p in ROOT.rglob("*.py") if "sandbox" in imports_of(p)}
    assert users - {"sandbox"} == {"cli"}, "only the command line starts the sandbox"


def test_paths_of_the_api_are_known_to_its_module_alone() -> None:
    for path in ROOT.rglob("*.py"):
        if module_of(path) not in ("api", "sandbox"):
            text = path.read_text(encoding="utf-8")
            for secret in ('"workflows/', '"jobs/', "have_next_page", "x-api-key"):
                allowed = module_of(path) == "results" and secret == '"jobs/'
                assert secret not in text or allowed, f"{secret} in {path.name}"
