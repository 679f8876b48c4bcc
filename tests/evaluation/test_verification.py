"""Verification against loops over pairs and thresholds."""

import numpy as np
import pytest

from kerasface.evaluation.verification import (
    best_threshold,
    equal_error_rate,
    nearest_neighbour_accuracy,
    pairs_protocol,
    roc,
    squared_pair_distances,
    tar_at_far,
    threshold_at_far,
)


def some_pairs(seed=0, pairs=60, ties=False):
    chance = np.random.default_rng(seed)
    same = chance.random(pairs) < 0.5
    distances = chance.normal(np.where(same, 0.8, 1.4), 0.4)
    return (np.round(distances, 1) if ties else distances), same


def right_answers(distances, same, threshold):
    return sum((d <= threshold) == s for d, s in zip(distances, same, strict=True))


def test_squared_distances_by_hand():
    """(3, 4) to (0, 0) is 25; (1, 1) to (1, -1) is 4."""
    assert squared_pair_distances([[3, 4], [1, 1]], [[0, 0], [1, -1]]).tolist() == [25.0, 4.0]


def test_best_threshold_by_hand():
    """0.1 s, 0.3 d, 0.4 s, 0.6 s, 0.9 d: up to 0.6 four of five are right, nowhere more."""
    distances, same = [0.4, 0.1, 0.9, 0.3, 0.6], [True, True, False, False, True]
    assert best_threshold(distances, same) == pytest.approx(0.75)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("ties", [False, True])
def test_no_threshold_is_better(seed, ties):
    distances, same = some_pairs(seed, ties=ties)
    found = right_answers(distances, same, best_threshold(distances, same))
    tried = [-np.inf, *distances, *(distances + 1e-9), *(distances - 1e-9), np.inf]
    assert found == max(right_answers(distances, same, each) for each in tried)


@pytest.mark.parametrize("kind", [True, False])
def test_best_threshold_where_all_are_of_one_kind(kind):
    distances = np.array([0.2, 0.5])
    assert right_answers(distances, [kind] * 2, best_threshold(distances, [kind] * 2)) == 2


def test_pairs_protocol_by_loops():
    distances, same = some_pairs(pairs=100)
    folds = np.arange(100) % 10
    result = pairs_protocol(distances, same, folds)
    expected = []
    for fold in range(10):
        rest = [k for k in range(100) if folds[k] != fold]
        threshold = best_threshold(distances[rest], same[rest])
        own = [k for k in range(100) if folds[k] == fold]
        expected.append(right_answers(distances[own], same[own], threshold) / len(own))
    assert result.folds.tolist() == pytest.approx(expected)
    assert result.accuracy == pytest.approx(sum(expected) / 10)
    spread = (sum((e - result.accuracy) ** 2 for e in expected) / 9) ** 0.5
    assert result.standard_error == pytest.approx(spread / 10**0.5)


def test_a_fold_has_no_say_in_its_own_threshold():
    distances, same = some_pairs(pairs=40)
    folds = np.arange(40) // 20
    before = pairs_protocol(distances, same, folds)
    distances[:20] = 100.0
    after = pairs_protocol(distances, same, folds)
    assert before.thresholds[0] == after.thresholds[0]
    assert before.thresholds[1] != after.thresholds[1]


def test_roc_by_hand():
    """Same at 1 and 3, different at 2 and 4.

    Up to 1: half of the same; up to 2: half of the different too; up to 3: all the same; 4: all.
    """
    curve = roc([1, 2, 3, 4], [True, False, True, False])
    assert curve.tar.tolist() == [0.0, 0.5, 0.5, 1.0, 1.0]
    assert curve.far.tolist() == [0.0, 0.0, 0.5, 0.5, 1.0]
    assert curve.thresholds[1:].tolist() == [1, 2, 3, 4] and curve.thresholds[0] < 1


@pytest.mark.parametrize("ties", [False, True])
def test_roc_by_loops(ties):
    distances, same = some_pairs(3, ties=ties)
    curve = roc(distances, same)
    for far, tar, threshold in zip(*curve, strict=True):
        accepted = distances <= threshold
        assert far == pytest.approx(np.mean(accepted[~same]))
        assert tar == pytest.approx(np.mean(accepted[same]))
    assert (np.diff(curve.thresholds) > 0).all()


def test_tar_at_far_by_hand():
    """Different at 1.0 .. 1.9: a tenth of them is one, so up to just below 1.1; same: 0.5 of 1."""
    distances = [0.2, 0.9, 1.05, 1.3, *np.arange(1.0, 2.0, 0.1)]
    same = [True] * 4 + [False] * 10
    assert tar_at_far(distances, same, 0.1) == 0.75
    assert threshold_at_far(distances, same, 0.1) == 1.05
    assert tar_at_far(distances, same, 1.0) == 1.0


def test_a_rate_that_cannot_be_measured():
    distances, same = some_pairs(pairs=50)
    with pytest.raises(ValueError, match=r"Received: far=0.001, \d+ pairs of two people"):
        tar_at_far(distances, same, 1e-3)


def test_equal_error_by_hand():
    """The curve of `test_roc_by_hand` has far = 1 - tar = 1/2 from threshold 2 on."""
    assert equal_error_rate([1, 2, 3, 4], [True, False, True, False]) == 0.5
    assert equal_error_rate([1, 2, 3, 4], [True, True, False, False]) == 0.0
    assert equal_error_rate([3, 4, 1, 2], [True, True, False, False]) == 1.0


def test_equal_error_lies_between_the_nearest_points():
    """Same 1, 2, 4; different 3, 5: at 3 far is 1/2 and 1 - tar 1/3, before it 0 and 1/3.

    Far - refused goes from -1/3 to 1/6: zero at two thirds of the way, where far is 1/3.
    """
    distances, same = [1, 2, 4, 3, 5], [True, True, True, False, False]
    assert equal_error_rate(distances, same) == pytest.approx(1 / 3)


def test_neighbours_by_loops(monkeypatch):
    monkeypatch.setattr("kerasface.evaluation.verification.BLOCK", 7)
    chance = np.random.default_rng(0)
    vectors, people = chance.normal(size=(40, 3)), chance.integers(0, 6, 40)
    right = 0
    for k in range(40):
        others = [j for j in range(40) if j != k]
        nearest = min(others, key=lambda j: float(((vectors[k] - vectors[j]) ** 2).sum()))
        right += people[nearest] == people[k]
    assert nearest_neighbour_accuracy(vectors, people) == right / 40


@pytest.mark.parametrize(
    "call,words",
    [
        (lambda: roc([1, 2], [True, True]), "2 of one among 2"),
        (lambda: roc([1, 2], [True]), r"shapes \(2,\) and \(1,\)"),
        (lambda: roc([1, np.nan], [True, False]), "NaN at pair 1"),
        (lambda: pairs_protocol([1, 2], [True, False], [0, 0]), "with 1 different"),
        (lambda: nearest_neighbour_accuracy([[1.0]], [1]), "1 embeddings"),
        (lambda: threshold_at_far([1, 2], [True, False], 0.0), "far=0.0"),
    ],
)
def test_errors(call, words):
    with pytest.raises(ValueError, match=words):
        call()
