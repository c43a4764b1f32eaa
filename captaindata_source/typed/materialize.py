"""Results as tables instead of views, refreshed job by job."""

from __future__ import annotations

from collections.abc import Sequence

from captaindata_source.database import Database, RefusedError
from captaindata_source.sqltext import literal, quoted
from captaindata_source.typed.catalogue import BASE_COLUMNS, FIELD_COUNTS, FIELD_JOBS, FIELDS
from captaindata_source.typed.dialects import dialect_of
from captaindata_source.typed.tables import ResultView
from captaindata_source.views.definitions import views_schema
from captaindata_source.views.install import Change, State, View, comments, marked

__all__ = ["materialize"]


def materialize(database: Database, dataset: str, wanted: Sequence[ResultView]) -> list[Change]:
    """Brings a table up to date for each workflow.

    Rows of jobs that were loaded since are replaced. The table is built anew where a column's type
    widened, or where the rows that are in it have values for a new column.

    Args:
        database: Outside of a transaction.
        dataset: Holds the tables; the views' schema is named after it.
        wanted: What the tables hold.
    """
    return [_Table(database, dataset, each).bring_up_to_date() for each in wanted]


class _Table:
    def __init__(self, database: Database, dataset: str, wanted: ResultView) -> None:
        self._database = database
        self._dataset = quoted(dataset)
        self._schema = views_schema(dataset)
        self._wanted = wanted
        self._view: View = wanted.view
        self._target = f"{quoted(self._schema)}.{quoted(self._view.name)}"
        self._scope = (
            f"workspace_uid = {literal(wanted.workspace_uid)} "
            f"and workflow_uid = {literal(wanted.workflow_uid)}"
        )

    def bring_up_to_date(self) -> Change:
        name = self._view.name
        found = self._database.relations(self._schema).get(name)
        if found is not None and marked(found.comment) is None:
            return Change(name, State.BLOCKED, "something else has its name, with no mark of ours")
        try:
            if found is None:
                with self._database.transaction():
                    self._build()
                return Change(name, State.CREATED)
            if found.is_view:
                self._rebuild("view")
                return Change(name, State.REPLACED)
            if marked(found.comment) != self._view.hash and not self._add_columns():
                self._rebuild("table")
                return Change(name, State.REPLACED)
            with self._database.transaction():
                return Change(name, State.REPLACED if self._refresh() else State.UNCHANGED)
        except RefusedError as error:
            holders = self._database.dependents(self._schema, name)
            names = ", ".join(f"{schema}.{each}" for schema, each in holders)
            return Change(name, State.BLOCKED, f"{names} depends on it" if names else str(error))

    def _rebuild(self, kind: str) -> None:
        with self._database.transaction():
            grants = self._database.grants(self._schema, self._view.name)
            self._database.run(f"drop {kind} {self._target}")
            self._build()
            if grants:
                self._database.run(";\n".join(grants))

    def _build(self) -> None:
        self._database.run(f"create table {self._target} as\n{self._view.query}")
        if self._database.kind == "postgres":
            self._database.run(f"create index on {self._target} (job_id)")
        self._describe()
        self._settle()

    def _add_columns(self) -> bool:
        """Adds columns for keys that no row of the table has; False where that is not enough."""
        there = [
            (name, kind.lower())
            for name, kind in self._database.columns(self._schema, self._view.name)
        ][len(BASE_COLUMNS) :]
        types = dialect_of(self._database.kind).types
        wanted = [(column.name, types[column.value_type]) for column in self._wanted.columns]
        new = wanted[len(there) :]
        if wanted[: len(there)] != there or any(self._has_rows(name) for name, _ in new):
            return False
        with self._database.transaction():
            for name, kind in new:
                self._database.run(f"alter table {self._target} add column {quoted(name)} {kind}")
            self._describe()
        return True

    def _describe(self) -> None:
        self._database.run(comments(self._target, self._view, kind="table"))

    def _has_rows(self, column: str) -> bool:
        """Whether a job whose rows are in the table has the column's key."""
        return bool(
            self._database.query(
                f"""
                select 1 from {self._dataset}.{FIELDS} as f
                inner join {self._dataset}.{FIELD_COUNTS} as c
                    on c.workspace_uid = f.workspace_uid and c.workflow_uid = f.workflow_uid
                    and c.field_id = f.field_id
                inner join {self._dataset}.{FIELD_JOBS} as j
                    on j.workspace_uid = c.workspace_uid and j.job_uid = c.job_uid
                where f.workspace_uid = %s and f.workflow_uid = %s and f.column_name = %s
                    and c.kind <> 'null' and j.table_load_id = j.load_id
                limit 1
                """,
                (self._wanted.workspace_uid, self._wanted.workflow_uid, column),
            )
        )

    def _refresh(self) -> bool:
        """Replaces the rows of jobs that are in the table as another load brought them."""
        stale = (
            f"select job_uid from {self._dataset}.{FIELD_JOBS} "
            f"where {self._scope} and load_id <> coalesce(table_load_id, '')"
        )
        if not self._database.query(f"{stale} limit 1"):
            return False
        names = ", ".join(
            quoted(name) for name in (*BASE_COLUMNS, *(c.name for c in self._wanted.columns))
        )
        fresh = self._wanted.query_where(f"r.job_uid in ({stale})")
        self._database.run(
            f"delete from {self._target} where job_id in ({stale});\n"
            f"insert into {self._target} ({names})\nselect {names} from ({fresh}) as fresh"
        )
        self._settle()
        return True

    def _settle(self) -> None:
        self._database.run(
            f"update {self._dataset}.{FIELD_JOBS} set table_load_id = load_id where {self._scope}"
        )
