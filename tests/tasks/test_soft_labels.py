"""Labels that are distributions: equal to class numbers where they are sure, and masked alike."""

import numpy as np
import pytest

from kerasface.tasks import (
    Classification,
    Domain,
    Regression,
    SoftClassification,
    with_soft_labels,
)

PLAIN = Classification("mood", ("sad", "calm", "glad"), alpha=0.5, note="a guess")
SOFT = SoftClassification("mood", ("sad", "calm", "glad"), alpha=0.5, note="a guess")


def test_only_classes_become_soft():
    age = Regression("age", "years", (0, 116), bins=8)
    source = Domain("source", ("a", "b"))
    soft, *others = with_soft_labels([PLAIN, age, source, SOFT])
    assert type(soft) is SoftClassification and soft == SOFT and soft != PLAIN
    assert others == [age, source, SOFT] and others[0] is age


def test_a_sure_label_costs_what_a_class_number_costs(rng):
    outputs = rng.normal(0, 2, (5, 3)).astype("float32")
    numbers = np.array([0, 2, 1, 1, 0], "int32")
    weights = np.array([0, 1, 2.5, 0, 1], "float32")
    soft = SOFT.make_loss()(SOFT.distributions(numbers), outputs, sample_weight=weights)
    plain = PLAIN.make_loss()(numbers, outputs, sample_weight=weights)
    np.testing.assert_allclose(soft, plain, rtol=1e-5)


def test_loss_of_a_doubtful_label_by_hand():
    """Outputs ln(1, 2, 1) are 1/4, 1/2, 1/4; labels 1/2, 1/2, 0: ln 4 / 2 + ln 2 / 2 = 1.5 ln 2."""
    outputs = np.log([[1.0, 2.0, 1.0]]).astype("float32")
    loss = SOFT.make_loss()(np.array([[0.5, 0.5, 0.0]], "float32"), outputs)
    np.testing.assert_allclose(loss, 1.5 * np.log(2.0), rtol=1e-6)


def test_accuracy_counts_the_likeliest_class_of_labelled_rows():
    accuracy = SOFT.make_metrics()[0]
    labels = np.array([[0.2, 0.5, 0.3], [0.4, 0.3, 0.3], [0.1, 0.1, 0.8]], "float32")
    outputs = np.array([[0.0, 3.0, 1.0], [0.0, 0.0, 1.0], [5.0, 0.0, 0.0]], "float32")
    accuracy.update_state(labels, outputs, [1.5, 1.5, 0.0])
    assert float(accuracy.result()) == 0.5


def test_class_numbers_as_distributions():
    assert SOFT.distributions(np.array([2, -1, 3, 0])).tolist() == [
        [0, 0, 1],
        [0, 0, 0],
        [0, 0, 0],
        [1, 0, 0],
    ]
    assert SOFT.legal(SOFT.distributions(np.array([2, -1, 3, 0]))).tolist() == [True, 0, 0, True]


@pytest.mark.parametrize(
    "label", [[0.5, 0.6, 0.1], [0.5, 0.5], [1.5, -0.5, 0.0], [np.nan, 0.5, 0.5], "joy", 3]
)
def test_what_is_no_distribution_is_refused(label):
    with pytest.raises(ValueError, match="Received: "):
        SOFT.encode(label)
