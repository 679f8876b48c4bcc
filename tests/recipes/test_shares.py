"""Runs divided among processes: each once, and together what belongs together."""

import pytest

from recipes.distill_2md_mtl import table
from recipes.distill_2md_mtl.runs import Run
from recipes.shares import Share


def place_of(run):
    return run.split, run.seed


@pytest.mark.parametrize("text", ["0/2", "3/2", "1", "a/b", "1/0", ""])
def test_a_share_that_is_none(text):
    with pytest.raises(ValueError, match=f"a share is such as 1/2.*Received: {text}"):
        Share.parse(text)


def test_shares_are_every_run_once_and_keep_teachers_with_their_students():
    """Splits of 3, 1 and 1 runs: the first process has the three, the second the others."""
    wanted = [Run(name, "a", 0) for name in "xyz"]
    wanted += [Run("x", "b", 0), Run("x", "b", 1)]
    first, second = (Share.parse(text).taken(wanted, place_of) for text in ("1/2", "2/2"))
    assert first == wanted[:3] and second == wanted[3:]
    assert Share(1, 1).taken(wanted, place_of) == wanted
    mixed = [wanted[3], *wanted[:3], wanted[4]]
    assert Share(2, 2).taken(mixed, place_of) == wanted[:3]
    assert Share(1, 2).taken(reversed(mixed), place_of) == [wanted[4], wanted[3]]
    table_runs = table.wanted(None)
    parts = [Share(place, 3).taken(table_runs, place_of) for place in (1, 2, 3)]
    assert sorted(run for part in parts for run in part) == sorted(table_runs)
    places = [{place_of(run) for run in part} for part in parts]
    assert not places[0] & places[1] and not places[1] & places[2] and not places[0] & places[2]
