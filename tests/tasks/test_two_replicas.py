"""MirroredStrategy on two logical CPUs against one device."""

import pytest

from tests.processes import on_tensorflow


@pytest.fixture(scope="module")
def answer():
    return on_tensorflow("tests.tasks.two_replicas")


@pytest.mark.slow
def test_training_on_two_replicas_ends_with_the_weights_of_one_device(answer):
    assert answer["replicas"] == 2 and answer["moved"] > 1e-3
    assert answer["apart"] < 1e-6


@pytest.mark.slow
def test_logs_on_two_replicas_are_those_of_one_device(answer):
    for name, (one, two) in answer["logs"].items():
        assert two == pytest.approx(one, rel=1e-5, abs=1e-6), name


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["embedding", "domain"])
def test_a_loss_over_pairs_is_the_mean_of_the_replicas_by_known_rows(answer, kind):
    """Each replica sees its own pairs only, so the value is another one than on one device."""
    values = answer["pairs"][kind]
    assert values["two_replicas"] == pytest.approx(values["by_known_rows"], rel=1e-5)
    assert values["two_replicas"] != pytest.approx(values["one_device"], rel=1e-3)
