"""What the role of Postgres may do: read the views, and nothing else. Asked before anything is
served."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from captaindata_source.assistant.on_postgres import session
from captaindata_source.errors import ConfigError, DestinationError
from captaindata_source.sqltext import literal
from captaindata_source.warehouse.remedies import message_of
from captaindata_source.warehouse.remedies.postgres import CREDENTIALS

__all__ = ["require_reader"]

MAX_NAMED = 5
ROLE = """
    select rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls, rolname
    from pg_roles where rolname = current_user
"""
ATTRIBUTES = ("superuser", "createrole", "createdb", "replication", "bypassrls")
OWNED = "refobjid = (select oid from pg_roles where rolname = current_user)"
FOREIGN = "n.nspname not in ('pg_catalog', 'information_schema') and n.nspname !~ '^pg_toast'"
"""Schemas that Postgres does not keep for itself."""
HARMLESS = (
    "btree_gin", "btree_gist", "citext", "cube", "earthdistance", "fuzzystrmatch", "hstore",
    "intarray", "isn", "ltree", "pg_trgm", "pgcrypto", "postgis", "seg", "tablefunc", "unaccent",
    "uuid-ossp", "vector",
)  # fmt: skip
"""Extensions whose functions, though written in C, reach nothing outside of the query."""
CHECKS = (
    (
        "is a member of other roles ({})",
        "select rolname from pg_roles where rolname <> current_user "
        "and pg_has_role(current_user, oid, 'member')",
    ),
    (
        "owns objects in the database or server ({})",
        "select pg_describe_object(classid, objid, 0) from pg_shdepend "
        "where refclassid = 'pg_authid'::regclass and deptype = 'o' and {owner} "
        "and dbid in (0, (select oid from pg_database where datname = current_database()))",
    ),
    (
        "may create schemas in the database ({})",
        "select current_database()::text "
        "where has_database_privilege(current_database(), 'create')",
    ),
    (
        "may create in schemas ({})",
        "select n.nspname::text from pg_namespace as n "
        "where n.nspname !~ '^pg_temp' and has_schema_privilege(n.oid, 'create')",
    ),
    (
        "may use tables, views or sequences besides the views ({})",
        "select format('%I.%I', n.nspname, c.relname) from pg_class as c "
        "inner join pg_namespace as n on n.oid = c.relnamespace "
        f"where {FOREIGN} and n.nspname <> {{schema}} and has_schema_privilege(n.oid, 'usage') "
        "and ((c.relkind in ('r', 'v', 'm', 'p', 'f') and (has_any_column_privilege(c.oid, "
        "'select, insert, update, references') or has_table_privilege(c.oid, "
        "'delete, truncate, trigger'))) "
        "or (c.relkind = 'S' and has_sequence_privilege(c.oid, 'usage, select, update')))",
    ),
    (
        "may change the views or tables of results ({})",
        "select format('%I.%I', n.nspname, c.relname) from pg_class as c "
        "inner join pg_namespace as n on n.oid = c.relnamespace "
        "where n.nspname = {schema} and c.relkind in ('r', 'v', 'm', 'p', 'f') and "
        "(has_any_column_privilege(c.oid, 'insert, update, references') "
        "or has_table_privilege(c.oid, 'delete, truncate, trigger'))",
    ),
    (
        "may call functions that not everybody may ({})",
        "select p.oid::regprocedure::text from pg_proc as p "
        "where p.pronamespace = 'pg_catalog'::regnamespace and p.proacl is not null "
        "and has_function_privilege(p.oid, 'execute') and not exists (select from "
        "aclexplode(p.proacl) as a where a.grantee = 0 and a.privilege_type = 'EXECUTE')",
    ),
    (
        "may call functions that reach beyond a query ({})",
        "select p.oid::regprocedure::text from pg_proc as p "
        "inner join pg_namespace as n on n.oid = p.pronamespace "
        "inner join pg_language as l on l.oid = p.prolang "
        f"where {FOREIGN} and has_schema_privilege(n.oid, 'usage') "
        "and has_function_privilege(p.oid, 'execute') and (p.prosecdef or (not l.lanpltrusted "
        "and l.lanname <> 'sql' and not exists (select from pg_depend as d "
        "inner join pg_extension as e on e.oid = d.refobjid "
        "where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e' "
        f"and e.extname in ({', '.join(map(literal, HARMLESS))}))))",
    ),
    (
        "may use foreign servers ({})",
        "select srvname::text from pg_foreign_server where has_server_privilege(oid, 'usage')",
    ),
    (
        "may read system tables that not everybody may ({})",
        "select c.oid::regclass::text from pg_class as c "
        "where c.relnamespace = 'pg_catalog'::regnamespace and c.relkind in ('r', 'v') "
        "and has_table_privilege(c.oid, 'select') and not exists (select from "
        "aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) as a "
        "where a.grantee = 0 and a.privilege_type = 'SELECT')",
    ),
)
"""What it must not be able to do, and a query for examples."""
READABLE = """
    select count(*) from pg_class as c inner join pg_namespace as n on n.oid = c.relnamespace
    where n.nspname = {schema} and c.relkind in ('r', 'v', 'm') and
        has_schema_privilege(n.oid, 'usage') and has_table_privilege(c.oid, 'select')
"""
TEMPORARY = "select has_database_privilege(current_database(), 'temporary')"


def require_reader(address: str, schema: str, *, name: str) -> bool:
    """Sees that a role may read the views and do nothing else.

    Args:
        address: libpq's connection string.
        schema: The schema of the views.
        name: Where the address is configured, for messages.

    Returns:
        Whether it may make temporary tables, as everybody may in a new database.

    Raises:
        ConfigError: It may do more, or can't read the views.
        DestinationError: Postgres can't be reached.
    """
    try:
        with session(address) as cursor:

            def ask(sql: str) -> list[tuple[Any, ...]]:
                cursor.execute(sql)
                return [tuple(row) for row in cursor.fetchall()]

            objection = _objection(ask, schema)
            [(may_make_temporary,)] = ask(TEMPORARY)
    except ImportError:
        raise
    except Exception as error:
        said = message_of(error).replace(CREDENTIALS, name)
        raise DestinationError(said) from error
    if objection:
        raise ConfigError(
            f"{objection}: let {name} name a role that may only read {schema}; `captaindata mcp "
            "--print-role NAME` prints the SQL that makes one"
        )
    return bool(may_make_temporary)


def _objection(ask: Callable[[str], list[tuple[Any, ...]]], schema: str) -> str:
    """What the role may do that it must not; empty: nothing."""
    [(*attributes, role)] = ask(ROLE)
    who = f"Postgres role {role}"
    if held := [name for name, has in zip(ATTRIBUTES, attributes, strict=True) if has]:
        return f"{who} may do too much ({', '.join(held)})"
    for said, query in CHECKS:
        sql = f"{query.format(schema=literal(schema), owner=OWNED)} order by 1 limit 100"
        if found := [str(row[0]) for row in ask(sql)]:
            named = ", ".join(found[:MAX_NAMED])
            named += f" and {len(found) - MAX_NAMED} more" if len(found) > MAX_NAMED else ""
            return f"{who} {said.format(named)}"
    [(readable,)] = ask(READABLE.format(schema=literal(schema)))
    return "" if readable else f"{who} can't read any view of {schema}, or there is none yet"
