"""One row for each person or company, of all mentions of them."""

from __future__ import annotations

from captaindata_source.people_fields import Clean, Entity
from captaindata_source.sqltext import quoted
from captaindata_source.views.people.engine import Engine
from captaindata_source.views.people.extraction import mention_columns

__all__ = ["gather_rows", "place", "placed_mentions"]


def place(engine: Engine, entity: Entity) -> None:
    """Makes the temporary tables `…_placed_now` and `…_seen_now`.

    They say who each mention is about, and how often everybody was seen, retries left out.

    Args:
        engine: After `link`; the mentions are in `…_found`.
        entity: What they are of.
    """
    same = " and ".join(f"l.{each} = f.{each}" for each in ("workspace_uid", *entity.ids))
    engine.run(
        f"""
        create or replace temp table {entity.name}_placed_now as
        select f.rowid as mention, f.is_repeated, l.own, l.overall, l.own_id, l.overall_id,
            l.is_shared, l.component
        from {entity.name}_found as f inner join links as l on {same};
        create or replace temp table {entity.name}_seen_now as
        select own, count(*) as times from {entity.name}_placed_now
        where not is_repeated group by own;
        drop table links
        """
    )


def placed_mentions(entity: Entity) -> str:
    """A relation of the mentions with the columns of `kept_mentions`, after `gather_rows`.

    Facts of somebody who was seen once are in the table of people alone.
    """
    facts = {field.name for field in entity.facts}
    columns = ", ".join(
        f"case when p.is_repeated or s.times > 1 then f.{quoted(name)} end as {quoted(name)}"
        if name in facts
        else f"f.{quoted(name)}"
        for name in mention_columns(entity)
    )
    return f"""(
        select {columns}, p.is_repeated, p.own_id, p.component,
            coalesce(s.times = 1, false) and not p.is_repeated as is_only
        from {entity.name}_found as f
        inner join {entity.name}_placed_now as p on p.mention = f.rowid
        left join {entity.name}_seen_now as s on s.own = p.own
    )"""


def gather_rows(engine: Engine, entity: Entity) -> None:
    """Makes the temporary table `…_rows_now`, with the columns of `row_columns`.

    Args:
        engine: After `place`.
        entity: What the mentions are of.
    """
    name = entity.name
    there = f"{name}_found as f inner join {name}_placed_now as p on p.mention = f.rowid"
    seen = f"inner join {name}_seen_now as s on s.own = p.own"
    engine.run(
        f"""
        create or replace temp table {name}_rows_now as
        select true as is_own, not is_shared as is_overall, workspace_uid, own_id as uid,
            {_columns(entity, "{}")},
            seen_at as first_seen_at, seen_at as last_seen_at, 1 as times_seen, 1 as jobs,
            1 as workflows, cast(to_json([workflow_uid]) as varchar) as workflow_uids,
            1 as workspaces, cast(to_json([workspace_uid]) as varchar) as workspace_uids,
            component
        from {there} {seen} and s.times = 1
        where not p.is_repeated;
        insert into {name}_rows_now
        select true, not any_value(is_shared), any_value(workspace_uid), any_value(own_id),
            {_grouped(entity, "job_uid", "workflow_uid")},
            1, cast(to_json([any_value(workspace_uid)]) as varchar), any_value(component)
        from {there} inner join ({_places(there, "p.own", f"{seen} and s.times > 1")}) as o
            on o.mention = p.mention
        group by p.own;
        insert into {name}_rows_now
        select false, true, null, any_value(overall_id),
            {_grouped(entity, "(workspace_uid, job_uid)", "(workspace_uid, workflow_uid)")},
            count(distinct workspace_uid), {_listed("workspace_uid")}, any_value(component)
        from {there} inner join ({_places(there, "p.overall", "and is_shared")}) as o
            on o.mention = p.mention
        group by p.overall
        """
    )


def _places(there: str, group: str, condition: str) -> str:
    """Where mentions are in the order of time, within groups. A number, for a key of a mention
    would be copied for each of its fields."""
    return (
        f"select p.mention, row_number() over (partition by {group} "
        "order by f.seen_at nulls first, f.workspace_uid, f.result_uid) as place "
        f"from {there} {condition} where not p.is_repeated"
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
        min(seen_at), max(seen_at), count(*), count(distinct {job}), count(distinct {workflow}),
        {_listed("workflow_uid")}
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
