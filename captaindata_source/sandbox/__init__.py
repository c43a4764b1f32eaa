"""A simulated Captain Data API v3: seeded data behind a real HTTP server, for tests and demos.

It shares no code with the connector. Importing it is cheap; the web framework (the package's
extra `sandbox`) is imported when a server starts.
"""

from captaindata_source.sandbox.contents import Workspace
from captaindata_source.sandbox.dialect import Dialect
from captaindata_source.sandbox.faults import Fault, Faults
from captaindata_source.sandbox.limits import RateLimit
from captaindata_source.sandbox.request_log import LoggedRequest, RequestLog
from captaindata_source.sandbox.server import Sandbox
from captaindata_source.sandbox.serving import example_secrets, serve
from captaindata_source.sandbox.world import DEFAULT_START, NotFoundError, World

__all__ = [
    "DEFAULT_START",
    "Dialect",
    "Fault",
    "Faults",
    "LoggedRequest",
    "NotFoundError",
    "RateLimit",
    "RequestLog",
    "Sandbox",
    "Workspace",
    "World",
    "example_secrets",
    "serve",
]
