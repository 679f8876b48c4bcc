"""Passes over rows without a state."""

import numpy as np
import pytest

from kerasface.data.shuffled_rows import ShuffledRows


@pytest.mark.parametrize("size", [1, 2, 7, 100])
def test_every_row_once_in_each_pass(size):
    rows = ShuffledRows(size, 3).take(0, size * 5).reshape(5, size)
    for one in rows:
        assert sorted(one) == list(range(size))
    if size == 100:
        assert len({one.tobytes() for one in rows}) == 5


def test_any_start_gives_the_same_rows():
    whole = ShuffledRows(7, 1, 2).take(0, 60)
    for start in (0, 3, 6, 7, 13, 40):
        np.testing.assert_array_equal(ShuffledRows(7, 1, 2).take(start, 20), whole[start:][:20])


def test_another_key_gives_another_order():
    orders = {ShuffledRows(50, *key).take(0, 50).tobytes() for key in ((0,), (1,), (0, 1), (1, 0))}
    assert len(orders) == 4


@pytest.mark.parametrize("size, key", [(0, (1,)), (3, (-1,))])
def test_bad_numbers_are_refused(size, key):
    with pytest.raises(ValueError, match="Received: size="):
        ShuffledRows(size, *key)
