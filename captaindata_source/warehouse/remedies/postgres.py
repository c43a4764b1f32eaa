"""Remedies for Postgres: by SQLSTATE where there is one, by words where libpq speaks."""

from __future__ import annotations

from functools import partial

from captaindata_source.warehouse.remedies.case import GO_ON, Case
from captaindata_source.warehouse.remedies.words import NO_CODE

__all__ = ["CASES", "CREDENTIALS", "DRIVER"]

CREDENTIALS = "destination.postgres.credentials"
DRIVER = f"{NO_CODE} driver"
"""The same where the driver says that it broke off."""
_Libpq = partial(Case, of=(NO_CODE, "08", "28", "3D", "53", "57", "58"))
"""Where libpq speaks, or the server about itself; other messages may quote what was loaded."""

CASES = (
    _Libpq(
        "The disk of the Postgres server is full",
        f"free some space there; {GO_ON}",
        codes=("53100",),
        said="No space left on device",
    ),
    Case(
        "Postgres takes no writes",
        "this is a read-only replica, or default_transaction_read_only is on for the role or the "
        f"database: let {CREDENTIALS} name the primary and a role that may write",
        codes=("25006",),
    ),
    Case(
        "The Postgres role lacks a right",
        "let an administrator grant it (create on the database; usage and create on the dataset's "
        "schemas), and load with the one role that made the tables",
        codes=("42501",),
    ),
    _Libpq(
        "A connection pooler stands before Postgres and refuses what a session needs",
        f"let {CREDENTIALS} name the server itself, or a pool that keeps sessions and accepts "
        "the parameter (pgbouncer: ignore_startup_parameters)",
        said="unsupported startup parameter",
    ),
    _Libpq(
        "Postgres refuses an option of the connection",
        f"correct options in {CREDENTIALS}",
        said="unrecognized configuration parameter|invalid value for parameter"
        r"|parameter \S+ cannot be",
    ),
    _Libpq(
        "Postgres and the address don't agree on TLS",
        f"set sslmode in {CREDENTIALS} to what the server has (?sslmode=require; disable where "
        "it has no TLS), sslrootcert to the file of the authority that signed its certificate",
        said="SSL (connection )?(is |was )?required|requires? (SSL|TLS)|certificate"
        "|server does not support SSL|failed: SSL error|private key file",
    ),
    _Libpq(
        "What answers at the address is no Postgres server that can be used",
        f"check host and port in {CREDENTIALS}",
        said="expected authentication request|invalid response to|frontend protocol"
        "|unexpected (message|response) from server",
    ),
    _Libpq(
        "Postgres lets nobody in from here",
        "let an administrator add this host, user and database to its pg_hba.conf; where it says "
        f"no encryption, set sslmode=require in {CREDENTIALS}",
        said=r"pg_hba\.conf",
    ),
    _Libpq(
        "The Postgres role lacks a right",
        "let an administrator run grant connect on the database to it",
        said="FATAL:.*permission denied for database",
    ),
    _Libpq(
        "Postgres refuses the login",
        f"check user, password and database in {CREDENTIALS}",
        codes=("28", "3D000"),
        said="no password supplied|authentication|no such (user|database)"
        "|FATAL:.* (role|database|[Tt]enant|user) .*(does not exist|not found|not permitted)",
    ),
    _Libpq(
        "The Postgres role may open too few sessions",
        "raise its limit (alter role … connection limit 6): a sync needs one for each workspace, "
        f"and up to five more while it loads; {GO_ON}",
        said="too many connections for role",
        is_passing=True,
    ),
    _Libpq(
        "Postgres has no connection free",
        f"end some sessions or raise max_connections; {GO_ON}",
        codes=("53300",),
        said="too many (clients|connections)|connection slots|no more connections"
        "|query_wait_timeout",
        is_passing=True,
    ),
    _Libpq(
        "The address of Postgres can't be used",
        f"check host, port and options in {CREDENTIALS}",
        said="invalid (port|connection option|dsn|integer value|percent-encoded|URI)"
        '|missing ["…]|sslmode|unexpected spaces',
    ),
    _Libpq(
        "Postgres refuses the connection",
        f"do as it says, or check {CREDENTIALS}",
        said="connection to server .*failed: (FATAL|ERROR):"
        "(?!.*(starting up|shutting down|recovery|not yet accepting))",
    ),
    _Libpq(
        "Postgres can't be reached",
        f"see that it runs, and that host and port in {CREDENTIALS} are right and no firewall "
        "stands between",
        codes=("57P03",),
        said="connection to server .*failed|could not translate host name|Connection refused"
        "|No route to host|Network is unreachable|timeout expired|starting up|shutting down"
        "|could not connect",
        is_passing=True,
    ),
    _Libpq(
        "The connection to Postgres broke",
        f"see that the server runs and stays reachable; {GO_ON}",
        codes=("08", "57P0", DRIVER),
        said="server closed the connection|connection (already|has been|not) (closed|open)"
        "|terminating connection|could not (send|receive) data|SSL SYSCALL|SSL connection"
        "|no connection to the server|lost synchronization|Connection reset|Broken pipe",
        is_passing=True,
    ),
    Case(
        "Postgres undid a change because other sessions hold the same rows or tables",
        f"end or reschedule them; {GO_ON}",
        codes=("40001", "40P01", "55P03"),
        is_passing=True,
    ),
    Case(
        "Postgres ended a statement of the load",
        "raise statement_timeout for the role that loads; a smaller package_max_results makes what "
        "is fetched from then on load faster",
        codes=("57014",),
    ),
    Case(
        "Postgres ran out of memory",
        "give it more, or make package_max_results smaller",
        codes=("53200",),
        may_be_package=True,
    ),
    Case(
        "A table or schema vanished while it was used",
        "let nothing drop it while a sync runs; the next sync makes it anew",
        codes=("42P01", "3F000"),
        may_be_package=True,
    ),
)
