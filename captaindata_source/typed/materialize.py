"""Results as tables instead of views, refreshed job by job."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from captaindata_source.database import Database, RefusedError
from captaindata_source.sqltext import literal, quoted
from captaindata_source.typed.columns import Column, column_types
from captaindata_source.typed.fields import BASE_COLUMNS, FIELD_COUNTS, FIELD_JOBS, FIELDS, GONE
from captaindata_source.typed.tables import ResultView, kept_columns
from captaindata_source.views.definitions import views_schema
from captaindata_source.views.install import Change, State, View, comments, holders, marked

__all__ = ["materialize"]

ASIDE = "captaindata_fresh_results"
"""A table within the transaction that makes it."""


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
        self._columns = wanted.columns
        self._target = f"{quoted(self._schema)}.{quoted(self._view.name)}"
        self._scope = (
            f"workspace_uid = {literal(wanted.workspace_uid)} "
            f"and workflow_uid = {literal(wanted.workflow_uid)}"
        )

    def bring_up_to_date(self) -> Change:
        name = self._view.name
        found = self._database.relations(self._schema).get(name)
        if found is None:
            return self._try(self._build, State.CREATED)
        if (mark := marked(found.comment)) is None:
            return Change(name, State.BLOCKED, "something else has its name, with no mark of ours")
        if found.is_view:
            return self._try(partial(self._rebuild, "view"), State.REPLACED)
        if mark == self._hash(self._columns):
            return self._try(partial(self._refresh, self._columns), State.REPLACED)
        change = self._try(partial(self._change, mark), State.REPLACED)
        # where it could not change, it gets at least the rows: what its columns can't hold is null
        columns = self._columns_there() if change.state is State.BLOCKED else self._columns
        rows = self._try(partial(self._refresh, columns), State.REPLACED)
        return rows if rows.state is State.BLOCKED else change

    def _try(self, do: Callable[[], bool], state: State) -> Change:
        """All of it or nothing; what stands in the way is named."""
        name = self._view.name
        try:
            with self._database.transaction():
                return Change(name, state if do() else State.UNCHANGED)
        except RefusedError as error:
            reason = holders(self._database, self._schema, name) or str(error)
            is_new = state is State.CREATED
            state = State.FAILED if is_new else State.BLOCKED
            return Change(name, state, reason, error.is_busy)

    def _rebuild(self, kind: str) -> bool:
        grants = self._database.grants(self._schema, self._view.name)
        if self._database.kind == "postgres":
            # made beside it and then renamed: readers wait for that alone
            aside = f"{quoted(self._schema)}.{ASIDE}"
            self._fill(aside)
            self._database.run(
                f"drop {kind} {self._target};\n"
                f"alter table {aside} rename to {quoted(self._view.name)}"
            )
        else:
            self._database.run(f"drop {kind} {self._target}")
            self._fill(self._target)
        self._describe()
        self._settle()
        if grants:
            self._database.run(";\n".join(grants))
        return True

    def _fill(self, table: str) -> None:
        self._database.run(f"create table {table} as\n{self._view.query}")
        if self._database.kind == "postgres":
            self._database.run(f"create index on {table} (job_id)")

    def _build(self) -> bool:
        self._fill(self._target)
        self._describe()
        self._settle()
        return True

    def _change(self, mark: str) -> bool:
        """Adds columns for keys that no row of the table has; builds it anew for all else."""
        count = len(self._columns_there())
        new = self._columns[count:]
        if mark != self._hash(self._columns[:count]) or any(map(self._has_rows, new)):
            return self._rebuild("table")
        types = column_types(self._database.kind)
        for column in new:
            kind = types[column.value_type]
            self._database.run(
                f"alter table {self._target} add column {quoted(column.name)} {kind}"
            )
        self._describe()
        return True

    def _columns_there(self) -> list[Column]:
        """The columns that the table has, as they are."""
        there = self._database.columns(self._schema, self._view.name)
        names = {name for name, _ in there}
        kept = kept_columns(self._columns, there, self._database.kind)
        return [column for column in kept if column.name in names]

    def _hash(self, columns: Sequence[Column]) -> str:
        """Of what the table holds, whatever the workflow is called."""
        return View(name=self._view.name, query=self._wanted.query_of(columns, "true")).hash

    def _describe(self) -> None:
        mark = self._hash(self._columns)
        self._database.run(comments(self._target, self._view, kind="table", mark=mark))

    def _has_rows(self, column: Column) -> bool:
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
                (self._wanted.workspace_uid, self._wanted.workflow_uid, column.name),
            )
        )

    def _refresh(self, columns: Sequence[Column]) -> bool:
        """Replaces the rows of jobs that are in the table as another load brought them."""
        stale = (
            f"select job_uid from {self._dataset}.{FIELD_JOBS} "
            f"where {self._scope} and load_id <> coalesce(table_load_id, '')"
        )
        if not self._database.query(f"{stale} limit 1"):
            return False
        names = ", ".join(quoted(name) for name in (*BASE_COLUMNS, *(c.name for c in columns)))
        fresh = self._wanted.query_of(columns, f"r.job_uid in ({stale})")
        self._database.run(
            f"delete from {self._target} where job_id in ({stale});\n"
            f"insert into {self._target} ({names})\nselect {names} from ({fresh}) as fresh"
        )
        self._settle()
        return True

    def _settle(self) -> None:
        jobs = f"{self._dataset}.{FIELD_JOBS}"
        self._database.run(
            f"delete from {jobs} where {self._scope} and load_id = '{GONE}';\n"
            f"update {jobs} set table_load_id = load_id where {self._scope}"
        )
