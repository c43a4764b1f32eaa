"""SQL that makes the role of Postgres as which an assistant reads."""

from __future__ import annotations

from captaindata_source.sqltext import literal, quoted

__all__ = ["grants_of"]


def grants_of(role: str, schema: str) -> str:
    """SQL that makes a role which may read the views alone.

    Args:
        role: Its name.
        schema: The schema of the views.
    """
    name, place = quoted(role), quoted(schema)
    return f"""\
-- In the database of the warehouse, after the first sync, as an administrator.
-- Choose a password: this one is an example.
create role {name} login password 'change-me'
    nosuperuser nocreatedb nocreaterole noreplication nobypassrls connection limit 10;
alter role {name} set default_transaction_read_only = on;
alter role {name} set statement_timeout = '2min';

do $captaindata$ begin
    execute format('grant connect on database %I to %I', current_database(), {literal(role)});
    -- views that later syncs make
    execute format(
        'alter default privileges for role %I in schema %I grant select on tables to %I',
        (select pg_get_userbyid(nspowner) from pg_namespace where nspname = {literal(schema)}),
        {literal(schema)}, {literal(role)}
    );
end $captaindata$;
grant usage on schema {place} to {name};
grant select on all tables in schema {place} to {name};

-- Up to Postgres 14, everybody may create tables in the schema public:
revoke create on schema public from public;
-- Everybody may make temporary tables. Queries of assistants can't. To take the right away from
-- all roles, and give it back to the one that loads:
--   revoke temporary on database … from public; grant temporary on database … to …;
"""
