"""What one sync of one workspace has to do: one listing, compared with what the warehouse holds.

Each listing is read once, by whichever threads have time, and serves all tables.
"""

from captaindata_source.extract.plan.context import Context, RowReader
from captaindata_source.extract.plan.sync_plan import SyncPlan

__all__ = ["Context", "RowReader", "SyncPlan"]
