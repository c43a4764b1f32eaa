"""HTTP: transport, retry, throttle and redaction. Knows nothing of entities, pages or dlt."""

from captaindata_source.http.call_log import CallLog
from captaindata_source.http.client import HttpClient, Reply
from captaindata_source.http.connections import Secret
from captaindata_source.http.network import check_proxy
from captaindata_source.http.posting import Posted, Verdict, Webhooks, require_webhook_url
from captaindata_source.http.ratelimit import AdaptiveThrottle
from captaindata_source.http.retry import RetryPolicy, TransientError
from captaindata_source.http.throttle import Clock, RequestBudget, Throttle

__all__ = [
    "AdaptiveThrottle",
    "CallLog",
    "Clock",
    "HttpClient",
    "Posted",
    "Reply",
    "RequestBudget",
    "RetryPolicy",
    "Secret",
    "Throttle",
    "TransientError",
    "Verdict",
    "Webhooks",
    "check_proxy",
    "require_webhook_url",
]
