"""Makes views, and changes them where their definition changed.

What bears no mark of ours is left alone. Nothing is ever dropped with what depends on it: a view
that can't be replaced stays as it is and is named.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace

from captaindata_source.sqltext import quoted
from captaindata_source.tables import views_schema
from captaindata_source.times import UTC_NAME
from captaindata_source.views.definitions import Definitions
from captaindata_source.views.stand_ins import without_missing_tables
from captaindata_source.views.view import (
    Change,
    State,
    View,
    comment_of,
    comments,
    hash_in,
    is_ours,
    shipped_views,
    unmarked,
)
from captaindata_source.warehouse.database import Database, RefusedError, Relation

__all__ = ["create_views", "drop_views", "holders", "list_views", "verified"]

AT_ONCE = 50
"""New views that are made in one transaction; Postgres locks each of them."""


def create_views(
    database: Database, dataset: str, views: Sequence[View], *, keep: Collection[str] = ()
) -> list[Change]:
    """Creates what is missing, replaces what changed, drops what is ours and no longer defined.

    Args:
        database: Outside of a transaction.
        dataset: Its tables are read; the views' schema is named after it.
        views: All views that there should be, each after those that it reads.
        keep: Names in the views' schema that are someone else's to change.

    Returns:
        A change for each view, `UNCHANGED` ones included, and for each one dropped.
    """
    schema = views_schema(dataset)
    tables = set(database.relations(dataset))
    there = database.relations(schema)
    if not database.has_schema(schema) and any(not _missing(view, tables, ()) for view in views):
        database.run(f"create schema {quoted(schema)}")
    return list(_Installation(database, dataset, tables, there, views).run(keep))


def drop_views(database: Database, dataset: str) -> list[Change]:
    """Drops every view of ours; their schema stays, with what is granted on it."""
    schema = views_schema(dataset)
    definitions = Definitions(database, dataset)
    ours = {n: r for n, r in database.relations(schema).items() if is_ours(r.comment)}
    changes: dict[str, Change] = {}
    waiting = set(ours)
    while waiting:
        before = len(waiting)
        for name in sorted(waiting):
            try:
                with database.transaction():
                    database.run(_drop(schema, name, ours[name]))
                    definitions.forget(name)
            except RefusedError as error:
                reason = holders(database, schema, name, but=waiting) or str(error)
                changes[name] = Change(name, State.BLOCKED, reason)
            else:
                changes[name] = Change(name, State.DROPPED)
                waiting.discard(name)
        if len(waiting) == before:
            break
    return [changes[name] for name in sorted(changes)]


def list_views(
    database: Database, dataset: str, *, report_timezone: str = UTC_NAME
) -> list[tuple[str, str, str]]:
    """All views, shipped ones that are missing included.

    Args:
        database: Holds them.
        dataset: Their schema is named after it.
        report_timezone: As for `shipped_views`.

    Returns:
        Name, state, and its title or what is missing.
    """
    tables = database.relations(dataset)
    there = database.relations(views_schema(dataset))
    hashes = Definitions(database, dataset).of(there)
    found: dict[str, tuple[str, str, str]] = {}
    shipped = shipped_views(dataset, dialect=database.dialect, report_timezone=report_timezone)
    for view in without_missing_tables(shipped, dataset, tables):
        missing = _missing(view, tables, there)
        if view.name in there:
            mark = hashes.get(view.name)
            ours = "not ours" if mark is None else "outdated"
            standing = "current" if mark == view.hash else ours
            found[view.name] = (view.name, standing, view.comment.partition(". ")[0])
        else:
            wait = f"needs {', '.join(missing)}" if missing else "run `captaindata views create`"
            found[view.name] = (view.name, "missing", wait)
    for name, relation in sorted(there.items()):
        if name not in found and name in hashes:
            text = unmarked(relation.comment)
            found[name] = (name, "view" if relation.is_view else "table", text)
    return list(found.values())


class _Installation:
    def __init__(
        self,
        database: Database,
        dataset: str,
        tables: Collection[str],
        there: Mapping[str, Relation],
        views: Sequence[View],
    ) -> None:
        self._database = database
        self._definitions = Definitions(database, dataset)
        self._schema = views_schema(dataset)
        self._tables = tables
        self._there = dict(there)
        self._hashes = self._definitions.of(there)
        self._views = {view.name: view for view in views}
        self._done: dict[str, Change] = {}
        self._begun: set[str] = set()

    def run(self, keep: Collection[str]) -> Iterator[Change]:
        self._create_new()
        for view in self._views.values():
            if view.name not in self._done:
                self._bring_up_to_date(view)
            yield self._done[view.name]
        for name, found in list(self._there.items()):
            if name not in self._views and name not in keep and name in self._hashes:
                yield self._remove(name, found)

    def _create_new(self) -> None:
        """Creates views that are not there, many in a transaction, if all others are up to date;
        where one of those can't be made, each is tried on its own later."""
        there = self._there.keys() & self._views.keys()
        if any(self._hashes.get(name) != self._views[name].hash for name in there):
            return
        new: list[View] = []
        names = {*self._there}
        for view in self._views.values():
            if view.name not in names and not _missing(view, self._tables, names):
                new.append(view)
                names.add(view.name)
        for first in range(0, len(new), AT_ONCE):
            some = new[first : first + AT_ONCE]
            if len(some) > 1 and self._try(some[0], some, []) is not None:
                for view in some:
                    self._done.pop(view.name, None)
                return

    def _bring_up_to_date(self, view: View) -> None:
        found = self._there.get(view.name)
        missing = _missing(view, self._tables, self._there)
        if missing:
            self._note(view, State.SKIPPED, f"{', '.join(missing)} is not there")
        elif found is None:
            self._try(view, [view], [])
        elif (mark := self._hashes.get(view.name)) is None:
            self._note(view, State.BLOCKED, "something else has its name, with no mark of ours")
        elif mark == view.hash and found.is_view and not hash_in(found.comment):
            self._note(view, State.UNCHANGED)
        else:
            error = self._try(view, [view], []) if found.is_view else None
            if not found.is_view or (error is not None and not error.is_busy):
                self._replace_with_dependents(view)

    def _replace_with_dependents(self, view: View) -> None:
        """Drops it and our views on top of it, then makes all of them anew, or changes nothing."""
        ours = {
            name
            for schema, name in self._database.dependents(self._schema, view.name)
            if schema == self._schema and name in self._views and name in self._hashes
        }
        if foreign := holders(self._database, self._schema, view.name, but=ours):
            self._keep_columns(view, foreign)
            return
        wanted = {view.name, *ours}
        for each in reversed(self._views.values()):
            if each.name in wanted:  # and new views that it reads now
                wanted.update(set(each.views) - set(self._there))
        self._begun.add(view.name)
        for name in sorted({name for own in ours for name in self._views[own].views} - {*ours}):
            # what our views on top read besides may be of an earlier version, too
            is_there = name in self._views and name in self._there
            if is_there and name not in {*self._done, *self._begun}:
                self._bring_up_to_date(self._views[name])
        again = [each for each in self._views.values() if each.name in wanted]
        drop = [each.name for each in reversed(again) if each.name in self._there]
        self._try(view, again, drop)

    def _try(self, view: View, create: Sequence[View], drop: Sequence[str]) -> RefusedError | None:
        """Drops and creates, all or nothing; notes how it went."""
        state = State.REPLACED if view.name in self._there else State.CREATED
        database, schema = self._database, self._schema
        try:
            with database.transaction():
                grants = [g for name in drop for g in database.grants(schema, name)]
                for name in drop:
                    database.run(_drop(schema, name, self._there[name]))
                for each in create:
                    database.run(";\n".join(_create(database, schema, each)))
                self._definitions.note({each.name: each.hash for each in create})
                if grants:
                    database.run(";\n".join(grants))
        except RefusedError as error:
            is_there = view.name in self._there
            state = State.BLOCKED if is_there else State.FAILED
            self._done[view.name] = Change(view.name, state, str(error), error.is_busy)
            return error
        for each in create:
            is_new = each.name not in self._there
            self._there[each.name] = Relation(is_view=True, comment=comment_of(each))
            self._hashes[each.name] = each.hash
            self._note(each, State.CREATED if is_new else State.REPLACED)
        return None

    def _keep_columns(self, view: View, reason: str) -> None:
        """Appends at least the new columns, where others depend on those that are there."""
        if view.query_keeping is not None and self._there[view.name].is_view:
            columns = self._database.columns(self._schema, view.name)
            kept = replace(view, query=view.query_keeping(columns))
            reason += (
                "; values that its column types can't hold are null in it, and whole in job_results"
            )
            if self._hashes.get(view.name) != kept.hash:
                error = self._try(kept, [kept], [])
                reason += f" ({error})" if error else ""
        self._note(view, State.BLOCKED, reason)

    def _remove(self, name: str, found: Relation) -> Change:
        try:
            with self._database.transaction():
                self._database.run(_drop(self._schema, name, found))
                self._definitions.forget(name)
        except RefusedError as error:
            reason = holders(self._database, self._schema, name) or str(error)
            return Change(name, State.BLOCKED, f"no longer defined, but {reason}")
        return Change(name, State.DROPPED, "no longer defined")

    def _note(self, view: View, state: State, reason: str = "") -> None:
        self._done[view.name] = Change(view.name, state, reason)


def _missing(view: View, tables: Collection[str], views: Collection[str]) -> list[str]:
    missing = sorted({*view.tables} - {*tables}) + sorted({*view.views} - {*views})
    return list(dict.fromkeys(missing))


def holders(database: Database, schema: str, name: str, *, but: Collection[str] = ()) -> str:
    """Says what depends on a view or table, but for some of its schema; empty: nothing does."""
    names = [
        f"{found}.{each}"
        for found, each in database.dependents(schema, name)
        if found != schema or each not in but
    ]
    return f"{', '.join(names)} depends on it" if names else ""


def _create(database: Database, schema: str, view: View) -> Iterator[str]:
    target = f"{quoted(schema)}.{quoted(view.name)}"
    yield f"create or replace view {target} as\n{view.query}"
    yield comments(target, view, kind="view", is_lake=database.is_lake)


def _drop(schema: str, name: str, found: Relation) -> str:
    kind = "view" if found.is_view else "table"
    return f"drop {kind} {quoted(schema)}.{quoted(name)}"


def verified(database: Database, dataset: str, changes: list[Change]) -> list[Change]:
    """What was made and is not there any more, others removed meanwhile: the next sync makes it."""
    there = database.relations(views_schema(dataset))
    made = (State.CREATED, State.REPLACED, State.UNCHANGED)
    return [
        Change(each.view, State.FAILED, "it was removed meanwhile")
        if each.state in made and each.view not in there
        else each
        for each in changes
    ]
