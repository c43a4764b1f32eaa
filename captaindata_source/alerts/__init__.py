"""What went wrong or is over since the last time: found, kept in the warehouse, told once."""

from captaindata_source.alerts.kinds import Alert, Kind, State
from captaindata_source.alerts.report import AlertReport, Delivery
from captaindata_source.alerts.run import list_alerts, require_alerts, run_alerts

__all__ = [
    "Alert",
    "AlertReport",
    "Delivery",
    "Kind",
    "State",
    "list_alerts",
    "require_alerts",
    "run_alerts",
]
