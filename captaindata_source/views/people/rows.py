"""One row for each person or company, of all mentions of them."""

from __future__ import annotations

from captaindata_source.people_fields import Clean, Entity
from captaindata_source.sqltext import quoted
from captaindata_source.views.people.engine import Engine

__all__ = ["gather_rows"]


PLACE = (
    "create_sort_key(seen_at, 'asc nulls first', m.workspace_uid, 'asc nulls first', "
    "m.result_uid, 'asc nulls first')"
)
"""Where a mention is in the order of time."""


def gather_rows(engine: Engine, entity: Entity, linked: str) -> None:
    """Makes the temporary table `gathered_rows`, with the columns of `row_columns`.

    Args:
        engine: Where the mentions are.
        entity: What they are of.
        linked: A temporary table of all mentions of some people, with the columns of
            `kept_mentions`.
    """
    engine.run(
        f"""
        create or replace temp table seen as
        select workspace_uid, own_id, count(*) as times
        from {linked} where not is_repeated group by workspace_uid, own_id;
        create or replace temp table gathered_rows as
        select true as is_own, not is_shared as is_overall, m.workspace_uid, m.own_id as uid,
            {_columns(entity, "{}")},
            seen_at as first_seen_at, seen_at as last_seen_at, 1 as times_seen, 1 as jobs,
            1 as workflows, cast(to_json([workflow_uid]) as varchar) as workflow_uids,
            1 as workspaces, cast(to_json([m.workspace_uid]) as varchar) as workspace_uids,
            component
        from {linked} as m
        inner join seen as s on s.workspace_uid = m.workspace_uid and s.own_id = m.own_id
        where times = 1 and not is_repeated
        union all
        select true, not bool_or(is_shared), workspace_uid, own_id,
            {_grouped(entity, "job_uid", "workflow_uid")}
        from (
            select m.*, {PLACE} as place from {linked} as m
            inner join seen as s on s.workspace_uid = m.workspace_uid and s.own_id = m.own_id
            where times > 1 and not is_repeated
        ) as several
        group by workspace_uid, own_id
        union all
        select false, true, null, overall_id,
            {_grouped(entity, "(workspace_uid, job_uid)", "(workspace_uid, workflow_uid)")}
        from (
            select m.*, {PLACE} as place from {linked} as m where is_shared and not is_repeated
        ) as shared
        group by overall_id;
        drop table seen
        """
    )


def _columns(entity: Entity, value: str) -> str:
    """Ids and facts; in `value`, `{}` stands for the column of a mention."""
    urls = {field.name for field in entity.fields if field.clean in _URLS}
    found = []
    for name in entity.ids:
        newest = value.format(f"nullif({quoted(name)}, '')")
        found.append(f"{_shown(newest) if name in urls else newest} as {quoted(name)}")
    found += [
        f"{value.format(quoted(field.name))} as {quoted(field.name)}" for field in entity.facts
    ]
    return ",\n".join(found)


def _grouped(entity: Entity, job: str, workflow: str) -> str:
    """What a group of mentions has; each field its newest value."""
    return f"""
        {_columns(entity, "arg_max({}, place)")},
        min(seen_at) as first_seen_at, max(seen_at) as last_seen_at, count(*) as times_seen,
        count(distinct {job}) as jobs, count(distinct {workflow}) as workflows,
        {_listed("workflow_uid")} as workflow_uids,
        count(distinct workspace_uid) as workspaces, {_listed("workspace_uid")} as workspace_uids,
        min(component) as component
    """


_URLS = (Clean.PROFILE_URL, Clean.COMPANY_URL)


def _shown(url: str) -> str:
    """A URL as people write it; what was hashed is no URL."""
    return (
        f"case when starts_with({url}, 'linkedin.com/') then 'https://www.' || {url} "
        f"when contains({url}, '/') then 'https://' || {url} else {url} end"
    )


def _listed(column: str) -> str:
    return f"cast(to_json(list_sort(list(distinct {column}))) as varchar)"
