"""Measures by group: the right rows, crossings, small groups, and rows of a card."""

import numpy as np
import pytest

from kerasface.data.prepared import PreparedSet
from kerasface.evaluation.groups import band_names, card_rows, group_columns, per_group
from kerasface.tasks import Classification, Landmarks, Regression

GENDER = Classification("gender", ("male", "female"))
RACE = Classification("race", ("a", "b"))
AGE = Regression("age", "years", (0, 116))


@pytest.fixture
def prepared():
    """Six faces; the last has no gender and the first no age."""
    return PreparedSet(
        images=np.zeros((6, 4, 4, 3), "uint8"),
        labels={
            "gender": np.array([0, 0, 1, 1, 1, 0], "int32"),
            "age": np.array([58.0, 2.0, 3.0, 9.5, 70.0, 116.0], "float32"),
            "race": np.array([0, 1, 0, 1, 1, 1], "int32"),
        },
        masks={
            "gender": np.array([1, 1, 1, 1, 1, 0], bool),
            "age": np.array([0, 1, 1, 1, 1, 1], bool),
            "race": np.ones(6, bool),
        },
        subjects=np.full(6, ""),
        domain="test",
        names=np.array([str(n) for n in range(6)]),
    )


def test_columns_are_what_people_read(prepared):
    columns = group_columns(prepared, (GENDER, AGE, Landmarks("landmarks5", 5)))
    assert columns["gender"].tolist() == ["male", "male", "female", "female", "female", ""]
    assert columns["age"].tolist() == ["", "0-2", "3-9", "3-9", "70+", "70+"]
    assert set(columns) == {"gender", "age"}


def test_bands_are_named_by_whole_numbers():
    assert band_names((0, 3, 10, 70)) == ["0-2", "3-9", "10-69", "70+"]


def test_groups_hold_the_right_rows(prepared):
    """Errors 0, 1, 2, 3, 4, 5 years: men 0 and 1, women 2, 3 and 4, the last has no gender."""
    ages = np.full(6, 50.0)
    outputs = (ages + np.arange(6.0))[:, None]
    columns = group_columns(prepared, (GENDER, RACE))
    table = per_group(AGE, outputs, ages, np.ones(6, bool), columns, least=1, resamples=10)
    errors = {row["group"]: row["measures"]["mean_absolute_error"]["value"] for row in table}
    assert errors == {
        "gender=female": pytest.approx(3.0),
        "gender=male": pytest.approx(0.5),
        "race=b": pytest.approx((1 + 3 + 4 + 5) / 4),
        "race=a": pytest.approx(1.0),
        "gender=female, race=b": pytest.approx(3.5),
        "gender=female, race=a": pytest.approx(2.0),
        "gender=male, race=a": pytest.approx(0.0),
        "gender=male, race=b": pytest.approx(1.0),
    }
    rows = {row["group"]: row["rows"] for row in table}
    assert rows["gender=female"] == 3 and rows["race=b"] == 4


def test_small_groups_and_unlabelled_rows_are_left_out(prepared):
    columns = group_columns(prepared, (GENDER,))
    mask = np.array([1, 1, 1, 0, 1, 1], bool)
    table = per_group(AGE, np.full((6, 1), 50.0), np.full(6, 50.0), mask, columns, least=2)
    assert [(row["group"], row["rows"]) for row in table] == [
        ("gender=female", 2),
        ("gender=male", 2),
    ]
    assert per_group(AGE, np.ones((6, 1)), np.ones(6), mask, columns, least=3) == []


def test_three_columns_can_be_crossed(prepared):
    columns = group_columns(prepared, (GENDER, RACE, AGE))
    table = per_group(
        AGE, np.ones((6, 1)), np.ones(6), np.ones(6, bool), columns, 3, least=1, resamples=2
    )
    assert "gender=female, race=b, age=70+" in {row["group"] for row in table}


def test_rows_fit_a_manifest(prepared):
    from kerasface.zoo.manifest import Measure
    from kerasface.zoo.schema import record

    columns = group_columns(prepared, (GENDER,))
    outputs, labels = np.full((6, 1), 50.0), np.full(6, 52.0)
    [women, _] = per_group(AGE, outputs, labels, np.ones(6, bool), columns, least=1, resamples=5)
    rows = card_rows(
        AGE, women["measures"], "UTKFace", "validation", "one crop", group=women["group"]
    )
    checked = [record(Measure)(row, "row") for row in rows]
    assert checked[0].metric == "mean absolute error (years)" and checked[0].value == 2.0
    assert checked[0].n == 3 and checked[0].group == "gender=female"
    only = card_rows(AGE, women["measures"], "a", "b", "c", only=["within_5"])
    assert [row["metric"] for row in only] == ["share within 5 years"] and "group" not in only[0]
