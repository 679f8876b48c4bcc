import math

import numpy as np
import pytest

from kerasface.metrics.expectation_error import MaskedExpectationError
from tests.contracts import check_metric

AGES = {"low": 0.0, "high": 116.0, "bins": 59}


def oracle(ages, logits, mask):
    total, count = 0.0, 0
    for age, row, known in zip(ages.tolist(), logits.tolist(), mask.tolist(), strict=True):
        if known <= 0:
            continue
        odds = [math.exp(z) for z in row]
        mean = sum(o * 2.0 * k for k, o in enumerate(odds)) / sum(odds)
        total, count = total + abs(mean - age), count + 1
    return total / count


def test_equals_loops_over_batches_with_2_30_and_10_labels(rng):
    """The epoch's value is the mean over all 42 labelled rows, not the mean of batch means."""
    metric = MaskedExpectationError(**AGES)
    kept = []
    for labelled in (2, 30, 10):
        ages = rng.uniform(0, 116, 32).astype("float32")
        logits = rng.normal(0, 2, (32, 59)).astype("float32")
        mask = np.zeros(32, "float32")
        mask[rng.permutation(32)[:labelled]] = 32 / labelled
        metric.update_state(ages, logits, mask)
        kept.append((ages, logits, mask))
    ages, logits, mask = (np.concatenate(column) for column in zip(*kept, strict=True))
    assert float(metric.result()) == pytest.approx(oracle(ages, logits, mask), rel=1e-5)


def test_value_by_hand():
    """Bins 0 and 40, logits (0, ln 3): 3/4 of 40 is 30 years. Labels 26 and 33: `(4 + 3) / 2`.

    The third row's label is hidden and would cost 30.
    """
    metric = MaskedExpectationError(0, 40, 2)
    logits = np.tile([[0.0, math.log(3.0)]], (3, 1)).astype("float32")
    value = metric([26.0, 33.0, 0.0], logits, [1.5, 1.5, 0.0])
    assert float(value) == pytest.approx(3.5, rel=1e-5)


def test_without_bins_the_output_is_the_number():
    metric = MaskedExpectationError(0, 116)
    assert float(metric([20.0, 30.0], [[21.0], [27.0]])) == 2.0


@pytest.mark.parametrize("bins", [59, None])
def test_contract(bins, rng):
    ages = rng.uniform(0, 116, 6).astype("float32")
    outputs = rng.normal(0, 2, (6, bins or 1)).astype("float32")
    mask = np.array([2.0, 0.0, 2.0, 0.0, 2.0, 0.0], "float32")
    check_metric(MaskedExpectationError, {**AGES, "bins": bins}, ages, outputs, mask)
