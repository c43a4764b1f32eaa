"""One row for each person or company, of all mentions of them."""

from __future__ import annotations

from captaindata_source.people_fields import Clean, Entity
from captaindata_source.sqltext import quoted
from captaindata_source.views.people.engine import Engine

__all__ = ["gather_rows"]


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
        create or replace temp table in_order as
        select *, row_number() over (
            order by seen_at nulls first, workspace_uid, result_uid
        ) as place
        from {linked} where not is_repeated;
        create or replace temp table gathered_rows as
        {_grouped(entity, "workspace_uid, own_id", "true", "not bool_or(is_shared)", "true")}
        union all
        {_grouped(entity, "overall_id", "false", "true", "is_shared")};
        drop table in_order
        """
    )


def _grouped(entity: Entity, by: str, is_own: str, is_overall: str, condition: str) -> str:
    """A select of one row for each group; each field has its newest value."""
    urls = {field.name for field in entity.fields if field.clean in _URLS}
    ids = ",\n".join(
        f"{_shown(newest) if name in urls else newest} as {quoted(name)}"
        for name in entity.ids
        for newest in [f"arg_max(nullif({quoted(name)}, ''), place)"]
    )
    facts = ",\n".join(
        f"arg_max({quoted(field.name)}, place) as {quoted(field.name)}" for field in entity.facts
    )
    workspace = "workspace_uid" if "workspace_uid" in by else "null as workspace_uid"
    return f"""
        select {is_own} as is_own, {is_overall} as is_overall, {workspace},
            {by.rsplit(", ", maxsplit=1)[-1]} as uid,
            {ids},
            {facts},
            min(seen_at) as first_seen_at, max(seen_at) as last_seen_at, count(*) as times_seen,
            count(distinct (workspace_uid, job_uid)) as jobs,
            count(distinct (workspace_uid, workflow_uid)) as workflows,
            {_listed("workflow_uid")} as workflow_uids,
            count(distinct workspace_uid) as workspaces,
            {_listed("workspace_uid")} as workspace_uids,
            min(component) as component
        from in_order where {condition}
        group by {by}
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
