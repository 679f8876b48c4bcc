"""Temperatures of the first zoo: whose faces they are fitted on, and what is said of them."""

import numpy as np
import pytest

from kerasface.data.synthetic import synthetic_set
from kerasface.evaluation.temperature import fit_temperature
from kerasface.tasks import Classification, Regression
from recipes.face_zoo import calibrate

GENDER = Classification("gender", ("male", "female"))
AGE = Regression("age", "years", (0, 116))


@pytest.fixture(scope="module")
def sets():
    return {
        "utkface": synthetic_set(60, size=16, seed=1, tasks=("gender", "age")),
        "celeba": synthetic_set(40, size=16, seed=2, tasks=("gender",)),
    }


@pytest.fixture(scope="module")
def outputs(sets):
    """Too sure by far: wrong for every fifth face and yet at a margin of 9 or 10."""
    found = {}
    for name, prepared in sets.items():
        rows = np.arange(len(prepared))
        said = np.where(rows % 5 == 0, 1 - prepared.labels["gender"], prepared.labels["gender"])
        logits = np.zeros((len(rows), 2))
        logits[rows, said] = 9.0 + rows % 2
        found[name] = {"gender": logits, "age": np.full((len(rows), 1), 30.0)}
    return found


@pytest.fixture(scope="module")
def facts(sets, outputs, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run") / "figures"
    return folder, calibrate.temperatures((GENDER, AGE), sets, outputs, folder)


def test_halves_are_of_people(sets):
    import dataclasses

    people = np.array([f"p{row // 4}" for row in range(60)])
    prepared = dataclasses.replace(sets["utkface"], subjects=people)
    first = calibrate.first_half(prepared)
    assert {first[people == name].mean() for name in set(people)} == {0.0, 1.0}
    assert 24 <= first.sum() <= 36
    np.testing.assert_array_equal(first, calibrate.first_half(prepared))
    # Nobody is named: every picture is of another person.
    nameless = dataclasses.replace(prepared, subjects=np.full(60, ""))
    assert calibrate.first_half(nameless).sum() == 30


def test_one_half_fits_the_other_measures(sets, outputs, facts):
    folder, [fact] = facts
    logits, labels, weights = [], [], []
    for name, prepared in sets.items():
        first = calibrate.first_half(prepared)
        logits.append(outputs[name]["gender"][first])
        labels.append(prepared.labels["gender"][first])
        weights += [1.0 / first.sum()] * int(first.sum())
    expected = fit_temperature(np.concatenate(logits), np.concatenate(labels), weights)
    assert fact["temperature"] == round(expected, 4) > 3
    assert fact["fitted"] == 50 and "UTKFace, CelebA" in fact["fitted_on"]
    assert [(row["dataset"], row["n"]) for row in fact["measures"]] == [
        ("UTKFace", 30),
        ("CelebA", 20),
    ]
    for row in fact["measures"]:
        assert row["ece_after"] < row["ece_before"] and row["nll_after"] < row["nll_before"]
    assert fact["answered"][0]["answered"] == pytest.approx(1.0)
    assert (folder / "calibration_gender.png").stat().st_size > 1000
    assert fact["figure"] == "figures/calibration_gender.png"


def test_facts_are_those_of_a_manifest(facts):
    from kerasface.zoo.schema import record
    from kerasface.zoo.temperature_facts import TemperatureFact

    _, [fact] = facts
    assert record(TemperatureFact)(fact, "temperatures[0]").temperature == fact["temperature"]


def test_a_task_without_labels_is_left_out(sets, outputs, tmp_path):
    other = Classification("race", ("a", "b"))
    assert calibrate.temperatures((other,), sets, outputs, tmp_path) == []
