"""What was made last: the hash of the definition of each view, table of results and description."""

from __future__ import annotations

from collections.abc import Mapping

from captaindata_source.sqltext import literal, quoted
from captaindata_source.views.view import hash_in, is_ours
from captaindata_source.warehouse.database import Database, Relation

__all__ = ["DEFINITIONS", "Definitions"]

DEFINITIONS = "view_definitions"
COMMENT = (
    "Bookkeeping of the views. One row per view, table of results and described table, with a hash "
    "of its definition."
)


class Definitions:
    """The table of hashes. A view without a row is made anew.

    Args:
        database: The database.
        dataset: Where the table is.
    """

    def __init__(self, database: Database, dataset: str) -> None:
        self._database = database
        self._dataset = dataset
        self._table = f"{quoted(dataset)}.{DEFINITIONS}"
        self._is_there = DEFINITIONS in database.relations(dataset)

    def all(self) -> dict[str, str]:
        """Name to hash."""
        if not self._is_there:
            return {}
        return dict(self._database.query(f"select name, hash from {self._table}"))

    def of(self, relations: Mapping[str, Relation]) -> dict[str, str]:
        """Name to hash of those relations that are ours; empty where it is not known."""
        known = self.all()
        return {
            name: hash_in(found.comment) or known.get(name, "")
            for name, found in relations.items()
            if is_ours(found.comment)
        }

    def note(self, hashes: Mapping[str, str]) -> None:
        """Notes the hashes of some names, in the transaction at hand."""
        if not self._is_there:
            self._database.run(
                f"create table if not exists {self._table} (name text not null, hash text not null)"
                f";\ncomment on table {self._table} is {literal(COMMENT)}"
            )
        names = ", ".join(map(literal, hashes))
        rows = ", ".join(f"({literal(name)}, {literal(new)})" for name, new in hashes.items())
        self._database.run(
            f"delete from {self._table} where name in ({names});\n"
            f"insert into {self._table} values {rows}"
        )

    def forget(self, name: str) -> None:
        """Removes a hash, in the transaction at hand."""
        if self._is_there:
            self._database.run(f"delete from {self._table} where name = {literal(name)}")
