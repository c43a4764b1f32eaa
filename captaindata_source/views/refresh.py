"""What follows a load: the catalogue of result fields, views, tables of results, the copy."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path

import dlt
from dlt.common.runtime import signals

from captaindata_source.errors import DestinationError
from captaindata_source.settings.sync_options import SyncOptions
from captaindata_source.sqltext import MAX_IDENTIFIER
from captaindata_source.tables import views_schema
from captaindata_source.times import UTC_NAME
from captaindata_source.views.aftermath import Aftermath
from captaindata_source.views.install import create_views, verified
from captaindata_source.views.people.follow import People
from captaindata_source.views.raw_comments import describe_tables
from captaindata_source.views.results.catalogue import Catalogue, among_many
from captaindata_source.views.results.counting import Counted
from captaindata_source.views.results.fields import FieldStore
from captaindata_source.views.results.listed import workflow_names
from captaindata_source.views.results.materialize import materialize
from captaindata_source.views.results.repeated import note_left_out
from captaindata_source.views.results.wanted import wanted_views
from captaindata_source.views.stand_ins import without_missing_tables
from captaindata_source.views.view import Change, State, shipped_views
from captaindata_source.waiting import wait_seconds
from captaindata_source.warehouse.database import (
    Database,
    RefusedError,
    add_missing_columns,
    open_database,
    require_temporary,
    schema_of,
)
from captaindata_source.warehouse.interrupts import GRACE_SECONDS, run_until_signal
from captaindata_source.warehouse.locks import holding
from captaindata_source.warehouse.publish import publish
from captaindata_source.warehouse.remedies import message_of
from captaindata_source.warehouse.stored_secrets import overwrite_secrets

__all__ = [
    "follow_load",
    "follow_load_until_signal",
    "refresh",
    "refresh_catalogue",
    "refresh_views",
]

logger = logging.getLogger(__name__)
INTERRUPTED = "interrupted: the next sync, or `captaindata views create`, goes on"
LOCK_WAITS = (1.0, 3.0)  # seconds before each further try where others hold a view


def follow_load_until_signal(
    pipeline: dlt.Pipeline,
    options: SyncOptions,
    *,
    copy_to: Path | None,
    before_copy: Callable[[], object] = lambda: None,
    workspaces: Collection[str] | None = None,
    grace: float = GRACE_SECONDS,
) -> Aftermath:
    """As `follow_load`, from the main thread, while dlt intercepts signals: one ends it soon."""

    def follow() -> Aftermath:
        pipeline.activate()
        return follow_load(
            pipeline, options, copy_to=copy_to, before_copy=before_copy, workspaces=workspaces
        )

    (found,) = run_until_signal([follow], name="views", grace=grace)
    return Aftermath(error=INTERRUPTED) if found is None else found


def follow_load(
    pipeline: dlt.Pipeline,
    options: SyncOptions,
    *,
    copy_to: Path | None,
    before_copy: Callable[[], object] = lambda: None,
    workspaces: Collection[str] | None = None,
) -> Aftermath:
    """Sees to the views and the copy; what goes wrong is in the result, not raised.

    Args:
        pipeline: Any with the destination and dataset.
        options: How the load was made.
        copy_to: Where a copy of the DuckDB file is wanted.
        before_copy: Called once the views were seen to; must not raise.
        workspaces: See `refresh_views`.
    """
    aftermath = Aftermath()
    if options.create_views:
        try:
            aftermath.changes = refresh_views(
                pipeline,
                materialize_results=options.materialize_results,
                results_include_retries=options.results_include_retries,
                report_timezone=options.report_timezone,
                create_people=options.create_people,
                people_fields=options.people_fields,
                workspaces=workspaces,
            )
        except (Exception, KeyboardInterrupt) as error:
            logger.debug("Views", exc_info=True)
            if isinstance(error, KeyboardInterrupt) or signals.was_signal_received():
                return Aftermath(error=INTERRUPTED)
            aftermath.error = message_of(error)
    else:
        _overwrite(pipeline)
    for change in aftermath.in_state(State.SKIPPED):
        logger.info("View %s is skipped: %s", change.view, change.reason)
    before_copy()
    if copy_to is not None:
        try:
            publish(pipeline, copy_to)
            aftermath.published = copy_to
        except Exception as error:  # noqa: BLE001 - as above
            aftermath.publish_error = message_of(error)
    return aftermath


def refresh_views(
    pipeline: dlt.Pipeline,
    *,
    materialize_results: bool = False,
    results_include_retries: bool = False,
    report_timezone: str = UTC_NAME,
    create_people: bool = True,
    people_fields: Mapping[str, Sequence[str]] | None = None,
    workspaces: Collection[str] | None = None,
) -> list[Change]:
    """Brings the catalogue and all views of a pipeline's dataset up to date.

    For pipelines of one's own, on DuckDB and Postgres; the command does it after each sync.

    Args:
        pipeline: Has loaded this source.
        materialize_results: Whether results of a workflow are a table instead of a view.
        results_include_retries: Whether they have results of retries that the main run holds, too.
        report_timezone: Time zone of the days and months of runs, such as Europe/Paris.
        create_people: Whether people and companies are brought up to date too.
        people_fields: Field of people or companies to more keys of results that feed it.
        workspaces: Uids of those that were loaded: among very many, only they are looked at.

    Returns:
        What became of each view.

    Raises:
        ConfigError: There is no such time zone or field.
        DestinationError: The database refused what is needed for all views.
    """
    how = SyncOptions(
        materialize_results=materialize_results,
        results_include_retries=results_include_retries,
        report_timezone=report_timezone,
        create_people=create_people,
        people_fields=people_fields,
    )
    with holding(pipeline), open_database(pipeline) as database:
        if database is None:
            return []
        _overwrite(pipeline, database)
        return refresh(
            database,
            schema_of(pipeline),
            materialize_results=how.materialize_results,
            results_include_retries=how.results_include_retries,
            report_timezone=how.report_timezone,
            create_people=how.create_people,
            people_fields=how.people_fields,
            workspaces=workspaces,
        )


def _overwrite(pipeline: dlt.Pipeline, database: Database | None = None) -> None:
    """Overwrites what a DuckDB file keeps of secrets that were removed from its rows."""
    try:
        with nullcontext(database) if database else open_database(pipeline) as opened:
            if opened is not None:
                overwrite_secrets(opened, schema_of(pipeline))
    except Exception as error:
        logger.debug("Free space", exc_info=True)
        logger.warning(
            "What the DuckDB file keeps of removed secrets could not be overwritten (%s): the next "
            "sync tries again",
            message_of(error),
        )


def refresh_catalogue(pipeline: dlt.Pipeline, counted: Counted) -> None:
    """Counts what was just loaded, while the destination is held; `follow_load` does what it can't.

    Args:
        pipeline: Has loaded this source.
        counted: What is known of the results.
    """
    try:
        with open_database(pipeline) as database:
            if database is not None:
                Catalogue(database, schema_of(pipeline), [counted.workspace_uid]).refresh(counted)
    except Exception:  # the views need it, not the load
        logger.debug("Catalogue", exc_info=True)


def refresh(
    database: Database,
    dataset: str,
    *,
    materialize_results: bool = False,
    results_include_retries: bool = False,
    report_timezone: str = UTC_NAME,
    create_people: bool = True,
    people_fields: Mapping[str, Sequence[str]] | None = None,
    workspaces: Collection[str] | None = None,
) -> list[Change]:
    """As `refresh_views`, on an open database, outside of a transaction."""
    if len(views_schema(dataset)) > MAX_IDENTIFIER:
        raise DestinationError(
            f"Dataset {dataset} has a name too long for views: {views_schema(dataset)} is more "
            f"than {MAX_IDENTIFIER} characters. Load into another, or set create_views to false"
        )
    if database.kind == "postgres":
        require_temporary(database.query)
    changes: dict[str, Change] = {}
    for seconds in (*LOCK_WAITS, None):
        try:
            found = _refresh_once(
                database,
                dataset,
                materialize_results=materialize_results,
                keeps_repeated=results_include_retries,
                report_timezone=report_timezone,
                create_people=create_people,
                people_fields=people_fields,
                workspaces=workspaces,
            )
        except RefusedError as error:
            if seconds is None or not error.is_busy:
                raise
        else:
            for each in found:  # what an earlier try did counts
                if each.state is not State.UNCHANGED or each.view not in changes:
                    changes[each.view] = each
            if seconds is None or not any(each.is_busy for each in found):
                break
        wait_seconds(seconds)
    return verified(database, dataset, list(changes.values()))


def _refresh_once(
    database: Database,
    dataset: str,
    *,
    materialize_results: bool,
    keeps_repeated: bool,
    report_timezone: str,
    create_people: bool,
    people_fields: Mapping[str, Sequence[str]] | None,
    workspaces: Collection[str] | None,
) -> list[Change]:
    add_missing_columns(database, dataset)
    workspaces = among_many(database, dataset, workspaces)
    Catalogue(database, dataset, workspaces).refresh()
    people = People(database, dataset, people_fields, workspaces) if create_people else None
    of_people = people.prepare() if people else []
    shipped = without_missing_tables(
        shipped_views(dataset, dialect=database.dialect, report_timezone=report_timezone),
        dataset,
        database.relations(dataset),
    )
    fields = FieldStore(database, dataset).all()
    workflows = workflow_names(database, dataset, seen=fields, workspaces=workspaces)
    wanted = wanted_views(
        database,
        dataset,
        workflows=workflows,
        fields=fields,
        shipped=shipped,
        keeps_repeated=keeps_repeated,
        workspaces=None if materialize_results else workspaces,
    )
    typed = wanted.typed
    views, keep = [*shipped, *wanted.united], wanted.kept
    if materialize_results:
        keep = [each.view.name for each in typed]
    else:
        views += [each.view for each in typed]
    changes = create_views(database, dataset, views, keep=keep)
    if materialize_results:
        changes += materialize(database, dataset, typed)
    of_people += people.refresh() if people else []
    describe_tables(database, dataset)
    return note_left_out(database, dataset, typed, changes) + of_people
