"""The linear probe: its optimum by hand and by loops, and what it can and cannot be fooled by."""

import math

import numpy as np
import pytest

from kerasface.evaluation import fit_probe, probe_domains


def test_the_optimum_by_hand():
    """One feature of -1 (class 0) and 1 (class 1): by symmetry logits are (-w x, w x).

    The value is log(1 + exp(-2 w)) + penalty w^2 (two weights of size w), its slope
    -2 / (1 + exp(2 w)) + 2 penalty w = 0. At penalty 1 / (1 + e^2) that is w = 1.
    """
    probe = fit_probe([[-1.0], [1.0]], [0, 1], classes=2, penalty=1 / (1 + math.e**2))
    np.testing.assert_allclose(probe.weights, [[-1.0, 1.0]], atol=1e-7)
    assert probe.bias[0] == pytest.approx(probe.bias[1], abs=1e-7)
    np.testing.assert_allclose(probe.logits([[3.0]])[0] - probe.bias, [-3.0, 3.0], atol=1e-6)


def slopes(x, labels, classes, penalty, weights, bias):
    """Gradient of the value by loops over rows and classes."""
    by_weight = [[penalty * w for w in row] for row in weights]
    by_bias = [0.0] * classes
    for row, label in zip(x, labels, strict=True):
        logits = [
            bias[c] + sum(value * weights[d][c] for d, value in enumerate(row))
            for c in range(classes)
        ]
        top = max(logits)
        odds = [math.exp(each - top) for each in logits]
        part = 1 / (classes * sum(1 for other in labels if other == label))
        for c in range(classes):
            pull = part * (odds[c] / sum(odds) - (c == label))
            by_bias[c] += pull
            for d, value in enumerate(row):
                by_weight[d][c] += pull * value
    return np.array(by_weight), np.array(by_bias)


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("penalty", [1e-3, 0.1])
def test_the_gradient_is_zero_at_what_is_found(classes, penalty):
    random = np.random.default_rng(classes)
    labels = np.minimum(np.repeat([0, 1, 2], [5, 9, 8]), classes - 1)
    x = random.normal(size=(22, 4)) * [1, 100, 0.01, 1] + 3 + 0.5 * np.eye(4)[labels % 4]
    probe = fit_probe(x, labels, classes, penalty)
    standard = (x - x.mean(0)) / x.std(0)
    np.testing.assert_allclose(probe.mean, x.mean(0))
    by_weight, by_bias = slopes(
        standard.tolist(), labels.tolist(), classes, penalty, probe.weights, probe.bias
    )
    assert max(np.abs(by_weight).max(), np.abs(by_bias).max()) < 1e-7
    np.testing.assert_allclose(
        probe.logits(x), standard @ probe.weights + probe.bias, rtol=1e-6, atol=1e-6
    )


def test_size_and_units_of_a_feature_do_not_matter():
    """A trunk cannot hide the domain by making the features that tell it small."""
    random = np.random.default_rng(0)
    x, labels = random.normal(size=(60, 3)), np.arange(60) % 2
    x[:, 1] += labels
    small = x * [1.0, 1e-6, 50.0] + [0.0, 7.0, -3.0]
    one, other = fit_probe(x, labels, 2), fit_probe(small, labels, 2)
    np.testing.assert_allclose(one.logits(x), other.logits(small), atol=1e-4)


def test_constant_and_perfect_features():
    """Neither a standard deviation of 0 nor a problem without an error breaks it."""
    labels = np.arange(40) % 2
    x = np.stack([np.ones(40), np.where(labels, 5.0, -5.0)], axis=1)
    probe = fit_probe(x, labels, 2)
    assert np.isfinite(probe.weights).all() and (probe.logits(x).argmax(1) == labels).all()
    many = np.random.default_rng(1).normal(size=(30, 80))  # more features than rows
    assert np.isfinite(fit_probe(many, labels[:30], 2).weights).all()


@pytest.mark.parametrize(
    ("features", "labels", "penalty"),
    [
        ([[0.0], [1.0]], [0, 0], 1.0),
        ([[0.0], [np.nan]], [0, 1], 1.0),
        ([[0.0], [1.0]], [0, 1], 0.0),
        ([[0.0], [1.0]], [0, 2], 1.0),
    ],
)
def test_what_cannot_be_fitted_is_refused(features, labels, penalty):
    with pytest.raises(ValueError, match="Received: rows of classes"):
        fit_probe(features, labels, 2, penalty)


def test_domains_that_differ_are_told_apart_and_equal_ones_are_not():
    random = np.random.default_rng(2)
    a, b = random.normal(size=(300, 6)), random.normal(size=(300, 6))
    equal = probe_domains({"a": a, "b": b})
    apart = probe_domains({"a": a, "b": b + [0, 0, 9, 0, 0, 0]})
    assert abs(equal.balanced_accuracy - 0.5) < 0.07
    assert apart.balanced_accuracy == 1.0 and apart.recalls == {"a": 1.0, "b": 1.0}
    assert apart.rows == {"a": 300, "b": 300}
    np.testing.assert_array_equal(apart.confusion, [[300, 0], [0, 300]])


def test_the_larger_domain_gives_no_advantage():
    """Of 950 and 50 rows that are alike, always saying the first is 95 % right: no skill."""
    random = np.random.default_rng(3)
    found = probe_domains({"a": random.normal(size=(950, 3)), "b": random.normal(size=(50, 3))})
    assert abs(found.balanced_accuracy - 0.5) < 0.15


def test_balanced_accuracy_is_the_mean_of_the_recalls_of_three():
    random = np.random.default_rng(4)
    features = {n: random.normal(size=(90, 2)) + i for i, n in enumerate("abc")}
    found = probe_domains(features, seed=1)
    for place, name in enumerate("abc"):
        hits = found.confusion[place, place] / found.confusion[place].sum()
        assert found.recalls[name] == pytest.approx(hits)
    assert found.balanced_accuracy == pytest.approx(np.mean(list(found.recalls.values())))
    assert 0.4 < found.balanced_accuracy < 0.95
    same = probe_domains(features, seed=1)
    np.testing.assert_array_equal(same.confusion, found.confusion)


def test_no_person_is_on_both_sides():
    """Each person's pictures are equal: whoever sees one of them knows the domain of all."""
    random = np.random.default_rng(5)
    people = {name: np.repeat([f"{name}{n}" for n in range(30)], 8) for name in "ab"}
    features = {name: np.repeat(random.normal(size=(30, 60)), 8, axis=0) for name in "ab"}
    apart = probe_domains(features, people)
    leaking = probe_domains(features)
    assert leaking.balanced_accuracy == 1.0
    assert abs(apart.balanced_accuracy - 0.5) < 0.15


@pytest.mark.parametrize(
    ("features", "options"),
    [
        ({"a": np.ones((9, 2))}, {}),
        ({"a": np.ones((9, 2)), "b": np.ones((9, 2))}, {"folds": 1}),
        ({"a": np.ones((9, 2)), "b": np.ones((3, 2))}, {}),
        ({"a": np.ones((9, 2)), "b": np.ones((9, 2))}, {"subjects": {"a": np.full(9, "S1")}}),
    ],
)
def test_too_little_to_probe_is_refused(features, options):
    with pytest.raises(ValueError, match="Received: "):
        probe_domains(features, **options)
