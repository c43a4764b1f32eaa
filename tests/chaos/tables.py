"""Each part of the chaos at full length, as a table."""

from __future__ import annotations

import argparse
import statistics
from collections import Counter
from collections.abc import Sequence

from tests.chaos.budget import budget
from tests.chaos.fuzz import ASIDE, EQUAL, FLAGGED, fuzz
from tests.chaos.holding import not_held
from tests.chaos.kills import Kill, kills
from tests.chaos.phases import PHASES
from tests.chaos.places import DATABASES, DUCKDB, POSTGRES, open_place
from tests.chaos.plain import plain_kills
from tests.chaos.printing import mean_and_max, say
from tests.chaos.soak import FAULTY, SYNCS_A_DAY, Size, Tick, soak
from tests.chaos.together import together


def kills_table(arguments: argparse.Namespace) -> bool:
    """Kills on each database, with dlt's working folder kept and gone."""
    header = ["database", "folder", "kills", *PHASES, "stuck", "wrong", "litter"]
    header += ["listing calls repeated: mean, max", "results calls", "beyond a package"]
    rows, wrong = [header], []
    for database in arguments.database or DATABASES:
        with open_place(database) as place:
            found = kills(
                place, number=arguments.number, is_aimed=arguments.aimed, seed=arguments.seed
            )
        for name, keeps_folder in (("kept", True), ("gone", False)):
            some = [kill for kill in found if kill.keeps_folder is keeps_folder]
            rows.append([database, name, *_row(some)])
        wrong += [f"{database}: {each}" for each in complaints(found)]
    return say("Syncs that were killed and run again", rows, wrong)


def plain_table(arguments: argparse.Namespace) -> bool:
    """Kills of plain runs while they load several files."""
    rows = [["database", "folder", "kills", "while loading", "files a package: mean, max", "wrong"]]
    wrong = []
    for database in arguments.database or DATABASES:
        with open_place(database) as place:
            found = plain_kills(place, number=arguments.number, seed=arguments.seed)
        for name, keeps_folder in (("kept", True), ("gone", False)):
            some = [kill for kill in found if kill.keeps_folder is keeps_folder]
            rows.append(
                [
                    database,
                    name,
                    str(len(some)),
                    str(sum(kill.is_loading for kill in some)),
                    mean_and_max([kill.files for kill in some]),
                    str(sum(bool(kill.wrong) for kill in some)),
                ]
            )
        wrong += [f"{database}: kill {n}: {k.wrong}" for n, k in enumerate(found) if k.wrong]
    return say("Plain runs that were killed and run again, then the command", rows, wrong)


def complaints(found: list[Kill]) -> list[str]:
    """What is not as it has to be."""
    return [
        f"kill {number} ({kill.phase}): {complaint}"
        for number, kill in enumerate(found)
        for complaint in (
            kill.stuck,
            kill.wrong,
            "more was fetched twice than the load packages at hand hold" if kill.is_beyond else "",
        )
        if complaint
    ]


def _row(found: list[Kill]) -> list[str]:
    phases = Counter(kill.phase for kill in found)
    return [
        str(len(found)),
        *(str(phases[phase]) for phase in PHASES),
        str(sum(bool(kill.stuck) for kill in found)),
        str(sum(bool(kill.wrong) for kill in found)),
        str(sum(bool(kill.litter) for kill in found)),
        mean_and_max([kill.listing for kill in found]),
        mean_and_max([kill.results for kill in found]),
        str(sum(kill.is_beyond for kill in found)),
    ]


def soak_table(arguments: argparse.Namespace) -> bool:
    """The first tenth of a long time with faults, against the last."""
    rows, wrong = [], []
    for database in arguments.database or [DUCKDB]:
        with open_place(database) as place:
            found = soak(place, days=arguments.days, seed=arguments.seed)
        tenth = max(1, len(found.ticks) // 10)
        rows += [
            [database, "first tenth", "last tenth"],
            *_of_ticks(found.ticks[:tenth], found.ticks[-tenth:]),
            *_of_sizes(found.early, found.late),
            ["calls, faulty", f"{found.calls:,}, {found.faults:,}"],
            ["jobs and workflows that only failed syncs saw change", str(found.undecided)],
            ["comparisons of all tables", str(found.checks)],
            ["the last of them", "DIFFERENT" if found.wrong else "equal"],
        ]
        wrong += [f"{database}: {found.wrong}"] if found.wrong else []
    title = f"{arguments.days} days, {SYNCS_A_DAY} syncs a day, {FAULTY:.0%} of all answers faulty"
    return say(title, rows, wrong)


def fuzz_table(arguments: argparse.Namespace) -> bool:
    """What became of random pages."""
    found = fuzz(arguments.pages)
    rows = [["pages", f"{found.pages:,}"]]
    rows += [[outcome, f"{found.outcomes[outcome]:,}"] for outcome in (EQUAL, FLAGGED, ASIDE)]
    rows += [[f"  {kind}", f"{count:,}"] for kind, count in found.kinds.most_common()]
    wrong = found.wrong
    texts = sorted(set(found.texts))
    for database in DATABASES:
        with open_place(database) as place:
            refused = not_held(place, texts)
        rows.append([f"of {len(texts):,} results not held by {database}", str(len(refused))])
        wrong += [f"{database}: {each}" for each in refused]
    return say("Random pages of results", rows, wrong)


def budget_table(arguments: argparse.Namespace) -> bool:
    """How well budgets are used."""
    with open_place(DUCKDB) as place:
        found = budget(
            place,
            workspaces=arguments.workspaces,
            per_minute=arguments.per_minute,
            factor=arguments.time_factor,
            seed=arguments.seed,
        )
    least, most = (pick(found.shares.items(), key=lambda item: item[1]) for pick in (min, max))
    rows = [
        ["workspaces", str(len(found.shares))],
        ["calls", f"{found.calls:,}"],
        ["minutes, by the connector's clock", f"{found.seconds / 60:.1f}"],
        ["share of the budgets that was used", f"{found.share:.1%}"],
        ["least served workspace", f"{least[0]}, {least[1]:.1%}"],
        ["most served workspace", f"{most[0]}, {most[1]:.1%}"],
        ["calls answered 429", f"{found.refused}, {found.refused / found.calls:.2%}"],
    ]
    title = f"{arguments.per_minute} calls a minute for each workspace, in the middle of a sync"
    return say(title, rows, found.complaints)


def together_table(arguments: argparse.Namespace) -> bool:
    """First loads of one dataset by two processes, and by four."""
    rows, wrong = [["processes", "rounds", "rounds with a fault"]], []
    for workspaces, rounds in ((2, arguments.rounds), (4, arguments.rounds // 4)):
        with open_place(POSTGRES) as place:
            found = together(place, rounds=rounds, seed=arguments.seed, workspaces=workspaces)
        faulty = len({each.partition(":")[0] for each in found})
        rows.append([str(workspaces), str(rounds), str(faulty)])
        wrong += found
    return say("First loads of a fresh Postgres dataset, begun together", rows, wrong)


def _of_ticks(*tenths: Sequence[Tick]) -> list[list[str]]:
    return [
        ["syncs", *(str(len(ticks)) for ticks in tenths)],
        ["of them with exit code 0", *(str(sum(t.code == 0 for t in ticks)) for ticks in tenths)],
        [
            "seconds a sync: median, longest",
            *(_median_and_max([t.seconds for t in ticks], ".2f") for ticks in tenths),
        ],
        [
            "peak memory of a sync: median, largest, MB",
            *(_median_and_max([t.peak for t in ticks], ".0f") for ticks in tenths),
        ],
    ]


def _of_sizes(*sizes: Size | None) -> list[list[str]]:
    found = [size for size in sizes if size is not None]
    return [
        ["rows of dlt's state", *(str(size.state_rows) for size in found)],
        ["longest of them, bytes", *(f"{size.state_bytes:,}" for size in found)],
        ["DLT_DATA_DIR, MB", *(f"{size.folder:.1f}" for size in found)],
        ["files in it", *(f"{size.files:,}" for size in found)],
    ]


def _median_and_max(numbers: Sequence[float], form: str) -> str:
    return f"{statistics.median(numbers):{form}}, {max(numbers):{form}}"
