"""A world whose lists of runs can be made odd, workspace by workspace."""

from __future__ import annotations

from functools import cached_property

from captaindata_source.sandbox import Workspace, World
from captaindata_source.sandbox.run_book import Filters
from captaindata_source.sandbox.world_v4 import WorldV4
from tests.support.fault_matrix import Json, Quirk

__all__ = ["OddWorld"]

DEFAULT_SORT = "-created_at"
LAST_CHANGED = "-updated_at"


class OddWorld(World):
    """See `World`; its lists of runs are those of `OddRuns`."""

    @cached_property
    def v4(self) -> OddRuns:
        return OddRuns(self)


class OddRuns(WorldV4):
    """See `WorldV4`.

    Attributes:
        sizes: By workspace: so many runs there are, those that changed last.
        added: By workspace: runs that are listed too.
        quirks: By workspace: how its list is cut into pages.
    """

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.sizes: dict[str, int] = {}
        self.added: dict[str, list[Json]] = {}
        self.quirks: dict[str, Quirk] = {}

    def runs_page(
        self,
        workspace: Workspace,
        *,
        first: int,
        count: int | None,
        sort: str = DEFAULT_SORT,
        filters: Filters | None = None,
    ) -> list[Json]:
        """Return a slice of the list of runs, in the order of their last change alone."""
        runs = super().runs_page(
            workspace, first=0, count=self.sizes.get(workspace.uid), sort=LAST_CHANGED
        )
        runs = [*self.added.get(workspace.uid, []), *runs]
        runs.sort(key=_last_change, reverse=True)
        quirk = self.quirks.get(workspace.uid)
        if quirk is None or count is None:
            return runs[first : None if count is None else first + count]
        assert (sort, filters) == (LAST_CHANGED, {}), "what else was asked for would be ignored"
        return list(quirk(runs, first, count))


def _last_change(run: Json) -> str:
    return str(run.get("updated_at"))
