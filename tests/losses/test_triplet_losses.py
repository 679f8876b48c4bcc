"""`TripletSemiHardLoss` and `TripletHardLoss`: what the classes add to the functions."""

import inspect

import keras
import numpy as np
import pytest

from kerasface.export import registered
from kerasface.losses import IdentityLoss, TripletHardLoss, TripletSemiHardLoss
from kerasface.ops import hard_triplet_loss, semi_hard_triplet_loss
from tests.contracts import check_config, check_loss

RNG = np.random.default_rng(0)
ROWS = RNG.normal(size=(12, 4)).astype("float32")
LABELS = np.arange(12) % 4
BOTH = (TripletSemiHardLoss, TripletHardLoss)


@registered
def city_block(x):
    """A distance of the user's own."""
    return keras.ops.sum(keras.ops.abs(x[:, None] - x[None, :]), axis=-1)


@pytest.mark.parametrize(
    ("cls", "kwargs"),
    [
        (TripletSemiHardLoss, {"margin": 0.5, "distance_metric": "squared-L2"}),
        (TripletHardLoss, {"margin": 0.5, "soft": True, "distance_metric": "angular"}),
    ],
)
def test_contract(cls, kwargs, tmp_path):
    check_loss(cls, kwargs, LABELS, ROWS, tmp_path)


def test_signatures_are_those_of_tensorflow_addons():
    def names(cls):
        return {k: p.default for k, p in inspect.signature(cls).parameters.items() if k != "kwargs"}

    assert names(TripletSemiHardLoss) == {"margin": 1.0, "distance_metric": "L2", "name": None}
    assert names(TripletHardLoss) == {
        "margin": 1.0,
        "soft": False,
        "distance_metric": "L2",
        "name": None,
    }


def test_classes_equal_the_functions():
    np.testing.assert_allclose(
        TripletSemiHardLoss(0.7, "angular")(LABELS, ROWS),
        semi_hard_triplet_loss(LABELS, ROWS, 0.7, "angular"),
        rtol=1e-6,
    )
    np.testing.assert_allclose(
        TripletHardLoss(0.7, True, "squared-L2")(LABELS[:, None], ROWS),
        hard_triplet_loss(LABELS, ROWS, 0.7, True, "squared-L2"),
        rtol=1e-6,
    )


def test_weights_of_the_batch_contract_by_hand():
    """Rows 5, 5, 8 of the docstring (value 0.5 / 3 = 1/6) among three unlabelled ones.

    alpha 0.5: weights 0.5 * 6 / 3 = 1 on three rows of six, mean 0.5, so 1/12.
    """
    rows = np.array([[0.0], [np.nan], [1.0], [7.0], [3.0], [0.1]], "float32")
    weight = np.array([1, 0, 1, 0, 1, 0], "float32")
    value = TripletHardLoss(margin=1.5)([5, 5, 5, 8, 8, 8], rows, sample_weight=weight)
    np.testing.assert_allclose(value, 1 / 12, rtol=1e-6)


@pytest.mark.parametrize(
    ("reduction", "expected"),
    [
        ("sum_over_batch_size", 0.5),
        ("mean", 0.5),
        ("sum", 2.0),
        ("mean_with_sample_weight", 1.0),
        ("none", [0.5] * 4),
        (None, [0.5] * 4),
    ],
)
def test_reductions_by_hand(reduction, expected):
    """Every positive at 3, every negative at 2: each anchor has 3 - 2 = 1, and so has the batch."""
    loss = TripletHardLoss(margin=0.0, distance_metric=fixed_table, reduction=reduction)
    value = loss([0, 0, 1, 1], np.zeros((4, 1), "float32"), sample_weight=[0.5] * 4)
    np.testing.assert_allclose(value, expected)


def fixed_table(x):
    """Distances of rows 0 and 1 of one person, 2 and 3 of another."""
    table = [[0.0, 3.0, 2.0, 2.0], [3.0, 0.0, 2.0, 2.0], [2.0, 2.0, 0.0, 3.0], [2.0, 2.0, 3.0, 0.0]]
    return keras.ops.convert_to_tensor(table) + 0.0 * keras.ops.sum(x)


@pytest.mark.parametrize("cls", BOTH)
def test_big_identities_stay_apart_through_fit(cls):
    """`Loss.__call__` makes 2^24 + 1 into 2^24, and two people into one."""
    people = np.array([2**24, 2**24 + 1, 2**24, 2**24 + 1], "int64")
    rows = ROWS[:4]
    model = keras.Sequential([keras.Input((4,)), keras.layers.Identity()])
    model.compile(loss=cls())
    value = model.evaluate(rows, people, verbose=0)
    small = model.evaluate(rows, people - 2**24, verbose=0)
    one_person = model.evaluate(rows, np.zeros(4, "int64"), verbose=0)
    assert value == small != one_person


@pytest.mark.parametrize("cls", BOTH)
def test_config_keeps_dtype_and_a_function(cls):
    loss = cls(distance_metric=city_block, dtype="float16", name="faces", reduction="sum")
    copy = check_config(loss)
    assert (copy.dtype, copy.name, copy.reduction) == ("float16", "faces", "sum")
    assert copy.distance_metric is city_block
    assert copy(LABELS, ROWS).dtype == "float16"


@pytest.mark.parametrize("cls", BOTH)
def test_training_pulls_people_apart(cls):
    """Embeddings free to move end with the loss at nearly 0."""
    keras.utils.set_random_seed(0)
    table = keras.layers.Embedding(12, 3)
    model = keras.Sequential([keras.Input(()), table])
    model.compile(keras.optimizers.Adam(0.1), loss=cls(margin=0.5))
    people = np.tile(np.arange(12), 60), np.tile(LABELS, 60)
    before = model.evaluate(np.arange(12), LABELS, batch_size=12, verbose=0)
    model.fit(*people, batch_size=12, shuffle=False, verbose=0)
    assert model.evaluate(np.arange(12), LABELS, batch_size=12, verbose=0) < 0.05 < before


@pytest.mark.parametrize("margin", [-1.0, float("nan")])
def test_bad_margin(margin):
    with pytest.raises(ValueError, match=f"at least 0. Received: margin={margin}"):
        TripletSemiHardLoss(margin=margin)


def test_bad_distance_fails_at_once():
    with pytest.raises(ValueError, match="Received: distance_metric='cosine'"):
        TripletHardLoss(distance_metric="cosine")


def test_the_base_asks_for_a_batch_loss():
    with pytest.raises(NotImplementedError):
        IdentityLoss().call(LABELS, ROWS)
