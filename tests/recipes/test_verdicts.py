"""A claim holds, is contradicted or is open, by the intervals of its differences."""

import pytest

from recipes.verdicts import CONTRADICTED, HOLDS, OPEN, verdict


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
