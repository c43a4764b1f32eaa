"""The loops over pages: each ends or raises."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from captaindata_source.api import pagination
from captaindata_source.api.pagination import follow_links, read_until_known
from captaindata_source.errors import AuthError, NotFoundError, PaginationError
from tests.support.http_script import calm

Item = tuple[str | None, int]


class Pages:
    """Numbered pages; notes which were asked for. An error in place of a page is raised."""

    def __init__(self, *pages: list[Item] | Exception) -> None:
        self._pages = pages
        self.asked: list[int] = []

    def __call__(self, number: int) -> list[Item]:
        self.asked.append(number)
        page = self._pages[min(number, len(self._pages) - 1)]
        if isinstance(page, Exception):
            raise page
        return page

    def read(self) -> list[Item]:
        return list(read_until_known(self, lambda item: item[0], path="p", what="things"))


A, B, C, D = [(name, 0) for name in "abcd"]
NAMELESS: Item = (None, 1)
GONE = NotFoundError("gone", path="/jobs", status=404)


@pytest.mark.parametrize(
    ("pages", "items", "asked"),
    [
        pytest.param([[]], [], [0], id="nothing"),
        pytest.param([[A, B], [C], []], [A, B, C], [0, 1, 2], id="an empty page ends"),
        pytest.param([[A, B], [C], [C]], [A, B, C], [0, 1, 2], id="the last page comes again"),
        pytest.param([[A, B]], [A, B], [0, 1], id="the page number is ignored"),
        pytest.param([[A, B], [C], GONE], [A, B, C], [0, 1, 2], id="404 past the end"),
        pytest.param([[A, B], [B, C], []], [A, B, C], [0, 1, 2], id="pages overlap"),
        pytest.param([[A, A, B], []], [A, B], [0, 1], id="twice on a page"),
        pytest.param([[A], [B], [C], [A], [D]], [A, B, C], [0, 1, 2, 3], id="a page comes again"),
        pytest.param([[NAMELESS]], [NAMELESS], [0], id="only items without a key"),
        pytest.param(
            [[A, NAMELESS], [NAMELESS, B], [NAMELESS, B]],
            [A, NAMELESS, NAMELESS, B],
            [0, 1, 2],
            id="items without a key come with a new one",
        ),
        pytest.param([[A, NAMELESS]], [A, NAMELESS], [0, 1], id="and not again with a known one"),
    ],
)
def test_numbered_pages(
    pages: list[list[Item] | Exception], items: list[Item], asked: list[int]
) -> None:
    reader = Pages(*pages)
    assert reader.read() == items
    assert reader.asked == asked


def test_404_on_the_first_page_is_an_error() -> None:
    pages = Pages(GONE)
    with pytest.raises(NotFoundError) as caught:
        pages.read()
    assert caught.value is GONE
    assert pages.asked == [0]


def test_other_errors_on_a_later_page_are_errors() -> None:
    pages = Pages([A], AuthError("no", path="/jobs", status=401))
    with pytest.raises(AuthError):
        pages.read()
    assert pages.asked == [0, 1]


@calm
@given(
    keys=st.lists(st.text(max_size=3), unique=True),
    size=st.integers(1, 7),
    ending=st.sampled_from(["empty", "repeats", "404"]),
)
def test_every_item_is_read_once_however_the_list_ends(
    keys: list[str], size: int, ending: str
) -> None:
    items: list[Item] = [(key, index) for index, key in enumerate(keys)]
    pages: list[list[Item] | Exception] = [
        items[first : first + size] for first in range(0, len(items), size)
    ] or [[]]
    if ending == "empty":
        pages.append([])
    if ending == "404":
        pages.append(GONE)
    reader = Pages(*pages)
    assert reader.read() == items
    assert len(reader.asked) <= len(pages) + 1


def follow(chain: dict[str | None, str | None]) -> tuple[list[str], list[str | None]]:
    asked: list[str | None] = []

    def fetch(_: str, parameters: dict[str, str]) -> tuple[list[str], str | None]:
        link = parameters.get("cursor")
        asked.append(link)
        return [link or "first"], chain[link]

    pages = list(follow_links(fetch, path="jobs/7/results", what="results of job 7"))
    return [item for page in pages for item in page], asked


def test_links_are_followed_until_there_is_none() -> None:
    assert follow({None: None}) == (["first"], [None])
    assert follow({None: "a", "a": "b", "b": None}) == (["first", "a", "b"], [None, "a", "b"])


def test_empty_pages_that_go_on_end_with_an_error() -> None:
    asked: list[str | None] = []

    def fetch(_: str, parameters: dict[str, str]) -> tuple[list[str], str | None]:
        asked.append(parameters.get("cursor"))
        return [], f"cursor-{len(asked)}"

    with pytest.raises(PaginationError, match="results of job 7 do not end: 10 empty ones"):
        list(follow_links(fetch, path="jobs/7/results", what="results of job 7"))
    assert len(asked) == 10


@pytest.mark.parametrize("length", [1, 2, 3, 10])
@pytest.mark.parametrize("before", [0, 1, 4])
def test_a_loop_of_links_is_an_error_that_names_the_job(length: int, before: int) -> None:
    way: list[str | None] = [None, *(f"before-{n}" for n in range(before))]
    loop: list[str | None] = [f"loop-{n}" for n in range(length)]
    chain = dict(itertools.pairwise([*way, *loop, loop[0]]))
    asked: list[str | None] = []

    def fetch(_: str, parameters: dict[str, str]) -> tuple[list[str], str | None]:
        link = parameters.get("cursor")
        asked.append(link)
        return [link or "first"], chain[link]

    pages = follow_links(fetch, path="jobs/7/results", what="results of job 7")
    with pytest.raises(PaginationError) as caught:
        list(pages)
    assert str(caught.value) == (
        "The pages of the results of job 7 loop: a link came back that was followed before "
        "[GET jobs/7/results]"
    )
    assert asked == [*way, *loop], "no page is fetched twice"


def test_a_list_that_never_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pagination, "MAX_PAGES", 7)
    pages = read_until_known(lambda page: [page], str, path="things", what="things")
    with pytest.raises(PaginationError, match=r"The list of things has no end \[GET things\]"):
        list(pages)
