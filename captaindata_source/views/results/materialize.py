"""Results as tables instead of views, refreshed job by job."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from captaindata_source.sqltext import literal, quoted
from captaindata_source.tables import views_schema
from captaindata_source.views.definitions import Definitions
from captaindata_source.views.install import holders
from captaindata_source.views.results.columns import (
    Column,
    column_types,
    columns_that_fit,
    kept_columns,
)
from captaindata_source.views.results.fields import (
    BASE_COLUMNS,
    FIELD_COUNTS,
    FIELD_JOBS,
    FIELDS,
    GONE,
)
from captaindata_source.views.results.labels import IS_SUB_JOB, LABEL_TYPES, free_name
from captaindata_source.views.results.sub_jobs import forget_changed, rename, sub_job_results
from captaindata_source.views.results.tables import ResultView
from captaindata_source.views.view import Change, State, View, comments, hash_in
from captaindata_source.warehouse.database import Database, RefusedError

__all__ = ["materialize"]

logger = logging.getLogger(__name__)

ASIDE = "captaindata_fresh_results"
"""A table within the transaction that makes it."""
TOO_BIG = "54000"
"""What Postgres calls a row that is wider than its pages."""
REST = "data"
"""Column of the whole result, where a row can't hold all columns."""


def materialize(database: Database, dataset: str, wanted: Sequence[ResultView]) -> list[Change]:
    """Brings a table up to date for each workflow.

    Rows of jobs that were loaded since are replaced, and those of retries if other results are
    repeated than before. The table is built anew where a column's type
    widened, or where the rows that are in it have values for a new column. Where a row is wider
    than Postgres can store, the table has as many columns as always fit, and the whole result as
    JSON.

    Args:
        database: Outside of a transaction.
        dataset: Holds the tables; the views' schema is named after it.
        wanted: What the tables hold.
    """
    definitions = Definitions(database, dataset)
    with sub_job_results(database, dataset):
        return [_Table(database, dataset, each, definitions).bring_up_to_date() for each in wanted]


class _Table:
    def __init__(
        self, database: Database, dataset: str, wanted: ResultView, definitions: Definitions
    ) -> None:
        self._database = database
        self._dataset_name = dataset
        self._definitions = definitions
        self._dataset = quoted(dataset)
        self._schema = views_schema(dataset)
        self._wanted = wanted
        self._view: View = wanted.view
        self._columns = wanted.columns
        self._fixed = (*BASE_COLUMNS, *wanted.labels.names)
        self._rest: str | None = None
        self._is_too_big = False
        self._target = f"{quoted(self._schema)}.{quoted(self._view.name)}"
        self._scope = (
            f"workspace_uid = {literal(wanted.workspace_uid)} "
            f"and workflow_uid = {literal(wanted.workflow_uid)}"
        )

    def bring_up_to_date(self) -> Change:
        change = self._bring_up_to_date()
        if self._is_too_big and self._rest is None:
            self._limit()
            logger.warning(
                "Table %s: %d of %d columns don't fit into a row of Postgres; what they hold is in "
                "its column %s, which has the whole result as JSON",
                self._view.name,
                len(self._wanted.columns) - len(self._columns),
                len(self._wanted.columns),
                self._rest,
            )
            change = self._bring_up_to_date()
        return change

    def _limit(self) -> None:
        """From now on: the columns that always fit, and one for the rest."""
        taken = {*self._fixed, *(column.name for column in self._wanted.columns)}
        self._rest = free_name(REST, taken)
        self._columns = columns_that_fit(self._wanted.columns)

    def _bring_up_to_date(self) -> Change:
        name = self._view.name
        found = self._database.relations(self._schema).get(name)
        if found is None:
            return self._try(self._build, State.CREATED)
        mark = self._definitions.of({name: found}).get(name)
        if mark is None:
            return Change(name, State.BLOCKED, "something else has its name, with no mark of ours")
        if found.is_view:
            return self._try(partial(self._rebuild, "view"), State.REPLACED)
        if self._rest is None and self._is_limited(mark):
            self._limit()
        if mark == self._hash(self._columns):
            if hash_in(found.comment):
                self._try(self._describe_anew, State.REPLACED)
            return self._try(partial(self._refresh, self._columns), State.REPLACED)
        change = self._try(partial(self._change, mark), State.REPLACED)
        # where it could not change, it gets at least the rows: what its columns can't hold is null
        columns = self._columns_there() if change.state is State.BLOCKED else self._columns
        rows = self._try(partial(self._refresh, columns), State.REPLACED)
        return rows if rows.state is State.BLOCKED else replace(change, is_stale=False)

    def _try(self, do: Callable[[], bool], state: State) -> Change:
        """All of it or nothing; what stands in the way is named."""
        name = self._view.name
        try:
            with self._database.transaction():
                return Change(name, state if do() else State.UNCHANGED)
        except RefusedError as error:
            if getattr(error.__cause__, "pgcode", None) == TOO_BIG:
                self._is_too_big = True
            reason = holders(self._database, self._schema, name) or str(error)
            is_new = state is State.CREATED
            state = State.FAILED if is_new else State.BLOCKED
            return Change(name, state, reason, error.is_busy, is_stale=True)

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
        self._database.run(f"create table {table} as\n{self._query('true')}")
        if self._database.kind == "postgres":
            is_sub_job = quoted(self._wanted.labels.names[IS_SUB_JOB])
            self._database.run(
                f"create index on {table} (job_id);\n"
                f"create index on {table} (result_id) where {is_sub_job}"
            )

    def _build(self) -> bool:
        self._fill(self._target)
        self._describe()
        self._settle()
        return True

    def _change(self, mark: str) -> bool:
        """Adds columns for keys that no row of the table has; builds it anew for all else."""
        size = len(self._columns_there())
        new = self._columns[size:]
        is_other = self._rest is not None or mark != self._hash(self._columns[:size])
        if is_other or any(map(self._has_rows, new)):
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
        query = self._wanted.query_of(columns, "true", self._rest)
        if self._rest is not None:  # it is to be tried again when the columns change
            query += self._wanted.query_of(self._wanted.columns, "true", None)
        return View(name=self._view.name, query=query).hash

    def _is_limited(self, mark: str) -> bool:
        """Whether a mark is that of a table with as many of these columns as always fit."""
        other = _Table(self._database, self._dataset_name, self._wanted, self._definitions)
        other._limit()
        is_other = len(other._columns) < len(self._columns)
        is_postgres = self._database.kind == "postgres"
        return is_postgres and is_other and mark == other._hash(other._columns)

    def _query(self, condition: str) -> str:
        return self._wanted.query_of(self._columns, condition, self._rest)

    def _describe_anew(self) -> bool:
        self._describe()
        return True

    def _describe(self) -> None:
        view = self._view
        if self._rest is not None:
            hidden = len(self._wanted.columns) - len(self._columns)
            kept = {*self._fixed, *(column.name for column in self._columns)}
            texts = {name: text for name, text in view.columns.items() if name in kept}
            view = replace(
                view,
                comment=f"{view.comment} {hidden} more keys are in its column {self._rest} alone.",
                columns={**texts, self._rest: "the whole result"},
            )
        self._database.run(comments(self._target, view, kind="table"))
        self._definitions.note({view.name: self._hash(self._columns)})

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
        is_changed = self._add_labels()
        is_changed |= rename(self._database, self._dataset_name, self._wanted)
        forget_changed(self._database, self._dataset_name, self._wanted)
        stale = (
            f"select job_uid from {self._dataset}.{FIELD_JOBS} "
            f"where {self._scope} and load_id <> coalesce(table_load_id, '')"
        )
        if not self._database.query(f"{stale} limit 1"):
            return is_changed
        rest = [] if self._rest is None else [self._rest]
        if rest:  # where others hold the table, it stays as it is but for this
            self._database.run(
                f"alter table {self._target} add column if not exists {quoted(rest[0])} json"
            )
        all_names = (*self._fixed, *(c.name for c in columns), *rest)
        names = ", ".join(quoted(name) for name in all_names)
        fresh = self._wanted.query_of(columns, f"r.job_id in ({stale})", self._rest)
        self._database.run(
            f"delete from {self._target} where job_id in ({stale});\n"
            f"insert into {self._target} ({names})\nselect {names} from ({fresh}) as fresh"
        )
        self._settle()
        return True

    def _add_labels(self) -> bool:
        """Adds the columns that a table of an earlier version lacks, where others hold it; all its
        rows are to be written again then."""
        names = {name for name, _ in self._database.columns(self._schema, self._view.name)}
        labels = zip(self._wanted.labels.names, LABEL_TYPES, strict=True)
        missing = [(name, kind) for name, kind in labels if name not in names]
        for name, kind in missing:
            self._database.run(f"alter table {self._target} add column {quoted(name)} {kind}")
        if missing:
            self._database.run(
                f"update {self._dataset}.{FIELD_JOBS} set table_load_id = null where {self._scope} "
                f"and load_id <> '{GONE}'"
            )
        return bool(missing)

    def _settle(self) -> None:
        jobs = f"{self._dataset}.{FIELD_JOBS}"
        self._database.run(
            f"delete from {jobs} where {self._scope} and load_id = '{GONE}';\n"
            f"update {jobs} set table_load_id = load_id where {self._scope}"
        )
