"""Bootstrap intervals: against theory, by people, and for degenerate cases."""

import numpy as np
import pytest

from kerasface.evaluation.intervals import mean_with_interval, measure_with_intervals, people
from kerasface.tasks import Classification, Regression

GENDER = Classification("gender", ("male", "female"))
AGE = Regression("age", "years", (0, 100))


def answers(right):
    """Logits that are right where `right` is true, for labels of 0."""
    return np.where(np.asarray(right)[:, None], [[3.0, 0.0]], [[0.0, 3.0]]), np.zeros(len(right))


def test_interval_of_a_share_is_that_of_the_binomial():
    """80 of 100 right: standard error sqrt(0.8 * 0.2 / 100) = 0.04, so 0.8 +- 0.078."""
    logits, labels = answers(np.arange(100) < 80)
    found = measure_with_intervals(GENDER, logits, labels, resamples=2000)["accuracy"]
    assert found["value"] == pytest.approx(0.8) and found["rows"] == 100
    assert found["low"] == pytest.approx(0.8 - 0.078, abs=0.012)
    assert found["high"] == pytest.approx(0.8 + 0.078, abs=0.012)


def test_interval_of_a_mean_is_that_of_the_normal():
    """Errors 0 and 2 in equal parts, 400 rows: standard error 1 / 20, so 1 +- 0.098."""
    values = np.tile([[50.0], [52.0]], (200, 1))
    found = measure_with_intervals(AGE, values, np.full(400, 50.0))["mean_absolute_error"]
    assert found["low"] == pytest.approx(0.902, abs=0.02)
    assert found["high"] == pytest.approx(1.098, abs=0.02)


def test_copies_of_a_person_are_no_new_evidence():
    """Each of 25 faces four times: as rows the interval is half as wide as by people."""
    right = np.repeat(np.arange(25) < 20, 4)
    names = np.repeat([f"person {n}" for n in range(25)], 4)
    logits, labels = answers(right)
    rows = measure_with_intervals(GENDER, logits, labels)["accuracy"]
    by_person = measure_with_intervals(GENDER, logits, labels, subjects=names)["accuracy"]
    ratio = (by_person["high"] - by_person["low"]) / (rows["high"] - rows["low"])
    assert ratio == pytest.approx(2.0, abs=0.35)


def test_people_without_a_name_are_each_their_own():
    numbers = people(["ann", "", "bob", "", "ann"])
    assert numbers[0] == numbers[4] and len(set(numbers.tolist())) == 4
    assert sorted(set(numbers.tolist())) == [0, 1, 2, 3]


def test_subjects_follow_the_mask():
    logits, labels = answers(np.arange(10) < 8)
    mask = np.arange(10) % 2 == 0
    names = np.array([f"p{n // 4}" for n in range(10)])
    masked = measure_with_intervals(GENDER, logits, labels, mask, names, resamples=50)
    taken = measure_with_intervals(
        GENDER, logits[mask], labels[mask], subjects=names[mask], resamples=50
    )
    assert masked == taken


def test_every_interval_holds_its_value_and_shares_stay_shares():
    random = np.random.default_rng(5)
    logits, labels = random.normal(size=(30, 2)), random.integers(0, 2, 30)
    for found in measure_with_intervals(GENDER, logits, labels, resamples=200).values():
        assert 0.0 <= found["low"] <= found["value"] <= found["high"] <= 1.0


def test_all_right_has_no_width_and_one_row_works():
    logits, labels = answers([True] * 5)
    found = measure_with_intervals(GENDER, logits, labels, resamples=10)["accuracy"]
    assert (found["low"], found["high"]) == (1.0, 1.0)
    logits, labels = answers([True])
    assert measure_with_intervals(GENDER, logits, labels, resamples=2)["accuracy"]["rows"] == 1


def test_nothing_labelled_is_absent():
    logits, labels = answers([True, False])
    assert measure_with_intervals(GENDER, logits, labels, np.zeros(2, bool)) == {}


def test_same_seed_same_interval():
    logits, labels = answers(np.arange(40) % 3 > 0)
    once, again = (measure_with_intervals(GENDER, logits, labels, seed=4) for _ in range(2))
    assert once == again


@pytest.mark.parametrize("wrong", [{"resamples": 1}, {"level": 1.0}])
def test_senseless_arguments_are_refused(wrong):
    logits, labels = answers([True])
    with pytest.raises(ValueError, match="Received: resamples="):
        measure_with_intervals(GENDER, logits, labels, **wrong)


def test_the_mean_of_a_number_a_face():
    """Two people of two faces each, all alike within a person: the faces are no more than two."""
    by_face = mean_with_interval([0.0, 0.0, 1.0, 1.0])
    by_person = mean_with_interval([0.0, 0.0, 1.0, 1.0], ["a", "a", "b", "b"])
    assert by_face["value"] == by_person["value"] == 0.5 and by_face["rows"] == 4
    assert (by_person["low"], by_person["high"]) == (0.0, 1.0)
    rng = np.random.default_rng(0)
    values = rng.normal(3.0, 2.0, 400)
    found = mean_with_interval(values)
    half = 1.96 * values.std() / 20
    ends = [values.mean() - half, values.mean() + half]
    np.testing.assert_allclose([found["low"], found["high"]], ends, atol=0.05)
    with pytest.raises(ValueError, match="1 not finite"):
        mean_with_interval([0.0, np.nan])
