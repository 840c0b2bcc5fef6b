"""What commands print for people, without a stack."""

import dataclasses
from uuid import UUID

import click
import psycopg
import pytest
from click.testing import CliRunner
from sqlalchemy.exc import ProgrammingError

from bankd.cli import Bank
from bankd.cli.printing import print_rows, ranges
from bankd.cli.requests import _print_explanation
from bankd.policy.explain import Denial
from bankd.synthesis.reading import Explanation, RegionShort

BASIS, CHANNEL = Denial("data-basis-missing", "No basis", 3), Denial("channel-not-covered", "No channel", 2)


def short(region: int, category: str, share: float, *reasons: Denial, segments: int = 3) -> RegionShort:
    return RegionShort(region, category, 1, share, (0, 0, 1, 1), segments, reasons)


@pytest.mark.parametrize(
    ("numbers", "said"),
    [((), ""), ((4,), "4"), ((1, 0), "0-1"), ((0, 1, 2, 5, 7, 8), "0-2, 5, 7-8"), ((9, 3, 6), "3, 6, 9")],
)
def test_numbers_that_follow_on_one_another_are_one_range(numbers, said):
    assert ranges(numbers) == said


def test_columns_stand_under_one_another_beside_japanese_words(capsys):
    print_rows(("ref", "licensor", "state"), [("A", "児玉写真", "x"), ("B", "Mori", "y")], none="")

    lines = capsys.readouterr().out.splitlines()
    assert lines == ["ref  licensor  state", "A    児玉写真  x", "B    Mori      y"]


def test_reasons_that_were_said_are_not_said_again_in_full(capsys):
    found = Explanation(
        UUID(int=1),
        "refused",
        "0" * 64,
        (
            short(7, "road", 0.5, BASIS, CHANNEL),
            short(0, "sky", 0.2, BASIS, dataclasses.replace(CHANNEL, count=9)),
            short(1, "sky", 0.1, BASIS, dataclasses.replace(CHANNEL, count=9)),
            short(2, "sky", 0.1, BASIS, dataclasses.replace(CHANNEL, count=9)),
            short(3, "tree", 0.1, Denial("no-segments", "There is none", 0), segments=0),
        ),
        (),
        None,
        (),
    )

    _print_explanation(found)

    assert capsys.readouterr().out.splitlines() == [
        "1. road, 50.0% of the layout (region 7): 3 segments held, none clears for this use",
        "  No basis (data-basis-missing, 3 segments)",
        "  No channel (channel-not-covered, 2 segments)",
        "2. sky, 40.0% of the layout (regions 0-2): 3 segments held, none clears for this use",
        "  for the reasons of 1: data-basis-missing 3, channel-not-covered 9",
        "3. tree, 10.0% of the layout (region 3): no segment held",
        "  There is none (no-segments)",
    ]


@pytest.mark.parametrize(
    ("fault", "status"), [(psycopg.errors.UndefinedColumn, 2), (psycopg.errors.SyntaxError, 1)]
)
def test_a_database_of_another_version_is_one_sentence_and_other_faults_keep_their_trace(fault, status):
    @click.group(cls=Bank)
    def bank() -> None: ...

    @bank.command()
    def look() -> None:
        raise ProgrammingError("SELECT 1", {}, fault("column photos.x does not exist"))

    answer = CliRunner().invoke(bank, ["look"])

    assert answer.exit_code == status
    assert ("run `bankd up`" in answer.output) == (status == 2)
