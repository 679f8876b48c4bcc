"""A claim holds, is contradicted or is open, by the intervals of its differences."""

import pytest

from recipes.verdicts import CONTRADICTED, HOLDS, MIXED, OPEN, verdict, verdict_on_most


@pytest.mark.parametrize(
    "intervals, said",
    [
        ([(1, 2), (0.1, 3)], HOLDS),
        ([(1, 2), (-0.1, 3)], OPEN),
        ([(1, 2), (0, 3)], OPEN),
        ([(1, 2), (-2, -0.1)], CONTRADICTED),
        ([(-1, 2), (-2, -0.1)], CONTRADICTED),
        ([], OPEN),
    ],
)
def test_verdict(intervals, said):
    assert verdict(iter(intervals)) == said


@pytest.mark.parametrize(
    "intervals, said",
    [
        ([(1, 2), (1, 2), (-1, 1)], HOLDS),
        ([(1, 2), (1, 2), (-2, -1)], MIXED),
        ([(-2, -1), (-2, -1), (-1, 1)], CONTRADICTED),
        ([(1, 2), (-1, 1)], MIXED),
        ([(-1, 1)], OPEN),
        ([], OPEN),
    ],
)
def test_verdict_on_most(intervals, said):
    assert verdict_on_most(iter(intervals)) == said
