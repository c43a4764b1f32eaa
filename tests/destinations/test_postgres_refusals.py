"""What a server answers to a connection decides what is told to people."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import adbc_driver_postgresql.dbapi as adbc
import psycopg2
import pytest

from captaindata_source.warehouse.remedies import is_passing, message_of

POOLER = "A connection pooler stands before Postgres"
OPTION = "Postgres refuses an option of the connection"
TLS = "Postgres and the address don't agree on TLS"
HBA = "Postgres lets nobody in from here"
LOGIN = "Postgres refuses the login"
FULL = "Postgres has no connection free"
ROLE_LIMIT = "The Postgres role may open too few sessions"
RIGHT = "The Postgres role lacks a right"
OTHER_SERVER = "What answers at the address is no Postgres server"
REFUSED = "Postgres refuses the connection"
UNREACHABLE = "Postgres can't be reached"
ADDRESS = "The address of Postgres can't be used"

ANSWERS = [
    ("08P01", "unsupported startup parameter: options", POOLER),
    ("08P01", "unsupported startup parameter in options: search_path", POOLER),
    ("08P01", "unsupported startup parameter: extra_float_digits", POOLER),
    ("42704", 'unrecognized configuration parameter "a"', OPTION),
    ("22023", 'invalid value for parameter "TimeZone": "x"', OPTION),
    ("55P02", 'parameter "shared_buffers" cannot be changed without restarting', OPTION),
    ("28000", "SSL required", TLS),
    ("08P01", "SSL connection is required", TLS),
    ("28000", "connection requires a valid client certificate", TLS),
    ("28000", 'no pg_hba.conf entry for host "10.0.0.1", user "me", no encryption', HBA),
    ("28000", 'pg_hba.conf rejects connection for host "10.0.0.1", user "me"', HBA),
    ("28P01", 'password authentication failed for user "me"', LOGIN),
    ("28P01", "SASL authentication failed", LOGIN),
    ("28000", 'role "me" does not exist', LOGIN),
    ("28000", 'role "me" is not permitted to log in', LOGIN),
    ("3D000", 'database "db" does not exist', LOGIN),
    ("08P01", "no such user: me", LOGIN),
    ("08P01", "no such database: db", LOGIN),
    ("XX000", "Tenant or user not found", LOGIN),
    ("53300", 'too many connections for role "me"', ROLE_LIMIT),
    ("53300", "sorry, too many clients already", FULL),
    ("53300", "remaining connection slots are reserved for roles with privileges", FULL),
    ("08P01", "no more connections allowed (max_client_conn)", FULL),
    ("58000", "query_wait_timeout", FULL),
    ("42501", 'permission denied for database "db"', RIGHT),
    ("0A000", "unsupported frontend protocol 3.0: server supports 1.0 to 2.0", OTHER_SERVER),
    ("55000", 'database "db" is not currently accepting connections', REFUSED),
    ("57P03", "the database system is starting up", UNREACHABLE),
    ("57P03", "the database system is in recovery mode", UNREACHABLE),
    ("XX000", "the endpoint is asleep by order of its owner", REFUSED),
]
PASSING = {ROLE_LIMIT, FULL, UNREACHABLE}


@contextmanager
def server(answer: bytes, *, tls: bytes = b"N") -> Iterator[str]:
    """The address of a server that gives one answer to whoever connects."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                with connection:
                    asked = connection.recv(1_000)
                    if asked[4:8] == struct.pack("!I", 80877103):  # for TLS
                        connection.sendall(tls)
                        connection.recv(1_000)
                    connection.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        port = listening.getsockname()[1]
        yield f"postgresql://me:hidden-word@127.0.0.1:{port}/db?gssencmode=disable"
        listening.shutdown(socket.SHUT_RDWR)
    thread.join()


def fatal(code: str, text: str) -> bytes:
    """An ErrorResponse of Postgres' protocol."""
    fields = {"S": "FATAL", "V": "FATAL", "C": code, "M": text}
    body = b"".join(f"{name}{value}\0".encode() for name, value in fields.items()) + b"\0"
    return b"E" + struct.pack("!I", len(body) + 4) + body


def refusal(address: str, *, driver: Any = psycopg2) -> Exception:
    with pytest.raises(driver.Error) as caught:
        driver.connect(address)
    said = message_of(caught.value)
    assert "hidden-word" not in said
    assert "\n" not in said
    assert not any(kind in said for kind in ("OperationalError", "psycopg"))
    error: Exception = caught.value
    return error


@pytest.mark.parametrize(("code", "text", "expected"), ANSWERS, ids=lambda value: value[:30])
def test_the_servers_own_words_decide(code: str, text: str, expected: str) -> None:
    with server(fatal(code, text)) as address:
        for driver in (psycopg2, adbc):
            error = refusal(address, driver=driver)
            said = message_of(error)
            assert said.startswith(expected)
            assert text[:40] in said
            assert ("firewall" in said) == (expected == UNREACHABLE)
            assert is_passing(error) == (expected in PASSING)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", OTHER_SERVER),
        ("&sslmode=require", TLS),
        ("&sslmode=verify-full&sslrootcert=/nowhere", TLS),
        ("&sslmode=nonsense", ADDRESS),
        ("&nonsense=1", ADDRESS),
    ],
)
def test_another_server_answers(query: str, expected: str) -> None:
    with server(b"HTTP/1.1 400 Bad Request\r\n\r\n") as address:
        for driver in (psycopg2, adbc):
            error = refusal(address + query, driver=driver)
            assert message_of(error).startswith(expected)
            assert not is_passing(error)


def test_nobody_answers() -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    for address in (f"127.0.0.1:{port}", "nowhere.invalid"):
        error = refusal(f"postgresql://me:hidden-word@{address}/db")
        assert message_of(error).startswith(UNREACHABLE)
        assert is_passing(error)


@pytest.mark.parametrize(
    "text",
    [
        'connection to server at "h", port 5432 failed: SSL error: certificate verify failed',
        'connection to server at "h", port 5432 failed: server certificate for "x" does not match '
        'host name "h"',
        'connection to server at "h", port 5432 failed: root certificate file "/x" does not exist',
        'connection to server at "h", port 5432 failed: SSL error: tlsv1 alert protocol version',
    ],
)
def test_certificates(text: str) -> None:
    for error in (psycopg2.OperationalError(text), adbc.OperationalError(text, status_code=10)):
        assert message_of(error).startswith(TLS)
        assert not is_passing(error)


def test_a_connection_that_broke_is_tried_again() -> None:
    for text in (
        "SSL error: decryption failed or bad record mac",
        "SSL SYSCALL error: EOF detected",
    ):
        error = psycopg2.OperationalError(text)
        assert message_of(error).startswith("The connection to Postgres broke")
        assert is_passing(error)
