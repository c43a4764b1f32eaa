"""HTTP: transport, retry, throttle and redaction. Knows nothing of entities, pages or dlt."""

from captaindata_source.http.client import HttpClient, Reply
from captaindata_source.http.connections import Secret
from captaindata_source.http.network import check_proxy
from captaindata_source.http.ratelimit import AdaptiveThrottle
from captaindata_source.http.retry import RetryPolicy, TransientError
from captaindata_source.http.throttle import Clock, RequestBudget, Throttle

__all__ = [
    "AdaptiveThrottle",
    "Clock",
    "HttpClient",
    "Reply",
    "RequestBudget",
    "RetryPolicy",
    "Secret",
    "Throttle",
    "TransientError",
    "check_proxy",
]
