"""A simulated Captain Data API, v3 and v4: seeded data behind a real HTTP server.

It is for tests and demos. API v3 and v4 serve the same data. It sends the events of both. It
shares no code with the connector.
The web framework (extra `sandbox`) is imported only when a server starts.
"""

from captaindata_source.sandbox.contents import Workspace
from captaindata_source.sandbox.delivery import Delivery, Disorder, Redelivery
from captaindata_source.sandbox.dialect import Dialect
from captaindata_source.sandbox.event_drafts import EventOptions
from captaindata_source.sandbox.events import Event, config_name, events_between
from captaindata_source.sandbox.limits import RateLimit
from captaindata_source.sandbox.planted import SECRET_MARKER
from captaindata_source.sandbox.request_log import LoggedRequest, RequestLog
from captaindata_source.sandbox.sending import Sender
from captaindata_source.sandbox.server import Sandbox
from captaindata_source.sandbox.serving import example_secrets, serve
from captaindata_source.sandbox.world import World
from captaindata_source.sandbox.world_base import DEFAULT_START, Generation, NotFoundError

__all__ = [  # noqa: RUF022 - sorted as `sorted` does, which a test compares it with
    "DEFAULT_START",
    "Delivery",
    "Dialect",
    "Disorder",
    "Event",
    "EventOptions",
    "Generation",
    "LoggedRequest",
    "NotFoundError",
    "RateLimit",
    "Redelivery",
    "RequestLog",
    "SECRET_MARKER",
    "Sandbox",
    "Sender",
    "Workspace",
    "World",
    "config_name",
    "events_between",
    "example_secrets",
    "serve",
]
