"""No variable past what a weights file holds, in this thread, while the block is open."""

import threading

import keras
import pytest
from keras import layers

from kerasface.zoo.bounded_build import MOST_VALUES, check_activations, within
from kerasface.zoo.errors import ManifestError
from kerasface.zoo.weights import Holding


def dense(units=2):
    """Of 3 * units + units numbers in two arrays."""
    return keras.Sequential([keras.Input((3,)), layers.Dense(units)])


def test_exactly_what_the_file_holds():
    with within(Holding(8, 2), "config.json"):
        assert dense().count_params() == 8


@pytest.mark.parametrize("holding", [Holding(7, 2), Holding(8, 1), Holding(0, 0)])
def test_one_number_or_one_array_too_many(holding):
    with pytest.raises(ManifestError, match=r"config.json has other parameters.* in \d arrays"):
        with within(holding, "config.json"):
            dense()


def test_nothing_is_made_of_what_is_refused():
    """A thousand million numbers would take seconds and gigabytes."""
    with pytest.raises(ManifestError), within(Holding(100, 10), "config.json"):
        dense(10**9)


def test_other_errors_stay_as_they_are():
    with pytest.raises(ZeroDivisionError), within(Holding(8, 2), "config.json"):
        1 / 0  # noqa: B018


def test_afterwards_and_elsewhere_nothing_is_bounded():
    before = layers.Layer.add_weight
    built = []
    with pytest.raises(ManifestError), within(Holding(1, 1), "config.json"):
        thread = threading.Thread(target=lambda: built.append(dense().count_params()))
        thread.start()
        thread.join()
        dense()
    assert built == [8] and layers.Layer.add_weight is before
    assert dense().count_params() == 8


def test_activations_by_hand():
    """2^26 values a picture: four pictures are the most, five are too many."""
    trunk = keras.Sequential([keras.Input((2, 2, 1)), layers.UpSampling2D(4096)])
    assert 4 * 8192 * 8192 == MOST_VALUES
    check_activations(trunk, 4, "config.json")
    with pytest.raises(ManifestError, match=f"gives {5 * 2**26} values for 5 pictures"):
        check_activations(trunk, 5, "config.json")
