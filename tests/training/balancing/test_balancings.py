"""The ways of balancing alone: values by hand, tasks without labels, settings."""

import math

import keras
import numpy as np
import pytest

from kerasface.tasks import Classification, Embedding, Landmarks, Regression
from kerasface.training import FixedWeights, GradNorm, UncertaintyWeighting, balancing_by_name
from kerasface.training.balancing.uncertainty_weighting import form_of
from tests.contracts import check_config
from tests.training.balancing.small import AGE, EXPRESSION, GENDER, array

TWO, THREE = (EXPRESSION, AGE), (EXPRESSION, AGE, GENDER)
ROWS = np.array([4.0, 4.0], "float32")


def started(balancing, tasks=TWO):
    balancing.start(tasks)
    return balancing


def update(balancing, losses, norms, rows=ROWS):
    values = (np.asarray(each, "float32") for each in (losses, norms, rows))
    balancing.update(*(keras.ops.convert_to_tensor(each) for each in values))
    return array(balancing.task_weights())


def state(balancing):
    return [array(each) for each in balancing.variables]


def test_gradnorm_by_hand():
    """First losses (2, 4). Then losses (1, 6) and norms (3, 1), as in the test of the formulas:
    (1, 1) goes to (1 - 0.3, 1 + 0.1) and is brought back to the sum 2.

    In the first step both rates are 1 and norms are equal, so nothing moves.
    """
    balancing = started(GradNorm(alpha=1.0, optimizer="sgd", learning_rate=0.1))
    np.testing.assert_array_equal(update(balancing, [2.0, 4.0], [1.0, 1.0]), [1.0, 1.0])
    found = update(balancing, [1.0, 6.0], [3.0, 1.0])
    np.testing.assert_allclose(found, [0.7 / 0.9, 1.1 / 0.9], rtol=1e-6)


def test_adam_steps_are_of_the_size_of_the_rate():
    """Slopes (+3, -1) become steps (-0.1, +0.1): (0.9, 1.1) has the sum 2 already."""
    balancing = started(GradNorm(alpha=0.0, learning_rate=0.1))
    np.testing.assert_allclose(update(balancing, [2.0, 4.0], [3.0, 1.0]), [0.9, 1.1], rtol=1e-5)


def test_a_task_without_labels_stands_still_and_is_not_looked_at():
    balancing = started(GradNorm(learning_rate=0.1), THREE)
    update(balancing, [1.0, 1.0, 1.0], [1.0, 2.0, 3.0], [4, 4, 4])
    before = state(balancing)
    weights = update(balancing, [0.5, 2.0, np.nan], [9.0, 1.0, np.nan], [4, 2, 0])
    after = state(balancing)
    for old, new in zip(before, after, strict=True):
        if old.shape == (3,):
            assert old[2] == new[2]
    assert weights[0] != before[1][0] and weights.sum() == pytest.approx(3.0, rel=1e-6)

    alone = started(GradNorm(learning_rate=0.1), TWO)
    alone.task_weight.assign([1.0, 1.0])
    other = started(GradNorm(learning_rate=0.1), THREE)
    two = [update(alone, *step) for step in (([1, 2], [3, 1]), ([2, 2], [1, 1]))]
    three = [
        update(other, [*losses, 7.0], [*norms, 7.0], [4, 4, 0])
        for losses, norms in (([1, 2], [3, 1]), ([2, 2], [1, 1]))
    ]
    for pair, triple in zip(two, three, strict=True):
        np.testing.assert_allclose(triple, [*pair, 1.0], rtol=1e-6)


def test_a_batch_without_any_label_changes_nothing():
    for balancing in (GradNorm(), UncertaintyWeighting()):
        started(balancing)
        update(balancing, [1.0, 2.0], [3.0, 1.0])
        before = state(balancing)
        update(balancing, [0.0, 0.0], [0.0, 0.0], [0, 0])
        for old, new in zip(before, state(balancing), strict=True):
            np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize("bad", [np.inf, np.nan])
def test_norms_that_are_not_finite_change_nothing(bad):
    """As of a step that float16's loss scale was too large for, first losses included."""
    balancing = started(GradNorm())
    before = state(balancing)
    update(balancing, [1.0, 2.0], [3.0, bad])
    for old, new in zip(before, state(balancing), strict=True):
        np.testing.assert_array_equal(old, new)


def test_first_losses_are_those_of_the_first_labelled_batch():
    balancing = started(GradNorm(first_losses={"expression": math.log(3)}))
    update(balancing, [5.0, 0.0], [1.0, 0.0], [4, 0])
    np.testing.assert_allclose(array(balancing.first_loss), [math.log(3), 0.0], rtol=1e-6)
    update(balancing, [4.0, 2.0], [1.0, 1.0])
    update(balancing, [3.0, 1.0], [1.0, 1.0])
    np.testing.assert_allclose(array(balancing.first_loss), [math.log(3), 2.0], rtol=1e-6)


def test_weights_stay_positive_and_of_their_sum():
    balancing = started(GradNorm(alpha=3.0, optimizer="sgd", learning_rate=10.0), THREE)
    chance = np.random.default_rng(0)
    for _ in range(30):
        weights = array(balancing.task_weights())
        found = update(
            balancing,
            chance.uniform(0.1, 5, 3),
            weights * chance.uniform(0.1, 50, 3),
            chance.integers(0, 2, 3),
        )
        assert (found > 0).all() and found.sum() == pytest.approx(3.0, rel=1e-5)


def test_uncertainty_by_hand():
    """s = (0, 0), losses (3, 2), expression softmax and age laplace; slopes 1/2 - 3 and 1 - 2.

    With a rate of 0.1: s = (0.25, 0.1), weights exp(-s); the penalty is s/2 + s = 0.225.
    """
    balancing = started(UncertaintyWeighting(optimizer="sgd", learning_rate=0.1))
    assert float(balancing.penalty(ROWS)) == 0.0
    found = update(balancing, [3.0, 2.0], [0.0, 0.0])
    np.testing.assert_allclose(found, np.exp([-0.25, -0.1]), rtol=1e-6)
    assert float(balancing.penalty(ROWS)) == pytest.approx(0.225)
    only_age = keras.ops.convert_to_tensor([0.0, 3.0])
    assert float(balancing.penalty(only_age)) == pytest.approx(0.1)


def test_uncertainty_comes_to_rest_where_the_paper_says():
    """sigma^2 = 2 L for classes, b = L for an absolute error."""
    balancing = started(UncertaintyWeighting(optimizer="sgd", learning_rate=0.3))
    for _ in range(200):
        update(balancing, [0.7, 4.0], [0.0, 0.0])
    np.testing.assert_allclose(np.exp(array(balancing.log_variance)), [1.4, 4.0], rtol=1e-3)


def test_forms_follow_the_losses():
    forms = {
        Classification("a", ("x", "y")): "softmax",
        Regression("b", "years", (0, 9), bins=4): "softmax",
        Embedding("c", 8): "softmax",
        Regression("d", "years", (0, 9)): "laplace",
        Landmarks("e", 5): "laplace",
    }
    assert {task: form_of(task) for task in forms} == forms


def test_fixed():
    balancing = started(FixedWeights({"age": 0.25}))
    np.testing.assert_array_equal(update(balancing, [1.0, 2.0], [3.0, 1.0]), [1.0, 0.25])
    assert not balancing.variables


@pytest.mark.parametrize(
    "balancing",
    [
        FixedWeights({"age": 0.3}),
        UncertaintyWeighting(learning_rate=0.5, optimizer="sgd"),
        GradNorm(alpha=0.12, norms="reference", learning_rate=0.1, first_losses={"age": 2.0}),
    ],
)
def test_config_and_no_variable_is_trained(balancing):
    copy = check_config(balancing)
    copy.start(TWO)
    assert not copy.trainable_variables
    assert all(each.dtype == "float32" for each in copy.variables)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_variables_are_float32_in_every_policy(policy):
    balancing = started(GradNorm(dtype=policy))
    assert all(each.dtype == "float32" for each in balancing.variables)


def test_by_name():
    kinds = {
        "fixed": (FixedWeights, None),
        "uncertainty": (UncertaintyWeighting, None),
        "gradnorm": (GradNorm, "exact"),
        "gradnorm_features": (GradNorm, "features"),
        "gradnorm_reference": (GradNorm, "reference"),
    }
    for name, (kind, norms) in kinds.items():
        made = balancing_by_name(name)
        assert type(made) is kind and made.norms == norms
        assert balancing_by_name(name) is not made and balancing_by_name(made) is made
    with pytest.raises(ValueError, match=r"near: \['gradnorm'.*Received: balancing='gradnrm'"):
        balancing_by_name("gradnrm")


@pytest.mark.parametrize(
    "make, text",
    [
        (lambda: GradNorm(alpha=-0.1), "alpha must be 0 or more"),
        (lambda: GradNorm(norms="fast"), "norms='fast'"),
        (lambda: GradNorm(learning_rate=0.0), "learning_rate=0.0"),
        (lambda: GradNorm(optimizer="lamb"), "optimizer='lamb'"),
        (lambda: GradNorm(first_losses={"age": 0.0}), "more than 0"),
        (lambda: FixedWeights({"age": -1.0}), "weights must be 0 or more"),
        (lambda: started(GradNorm(first_losses={"race": 1.0})), "first loss of .'race'"),
        (lambda: started(FixedWeights({"race": 1.0})), "weight of .'race'"),
        (lambda: started(started(GradNorm())), "belongs to one model"),
    ],
)
def test_what_is_refused(make, text):
    with pytest.raises(ValueError, match=f"(?s){text}.*|Received.*{text}") as error:
        make()
    assert "Received: " in str(error.value)
