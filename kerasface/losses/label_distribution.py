"""Regression through a distribution over bins."""

from __future__ import annotations

import keras
from keras import ops

from kerasface.export import registered
from kerasface.ops.expectation import bin_centres, expectation, normal_target


@registered
class LabelDistributionLoss(keras.losses.Loss):
    """Cross-entropy to a normal around the label plus the expectation's absolute error.

    `H(N(y, spread), softmax(z)) - H(N(y, spread)) + weight * |E[z] - y| / spread`: the first
    difference is the Kullback-Leibler divergence, so a perfect answer costs 0. The
    distribution teaches neighbouring values together; the second term trains what is
    reported.

    Args:
        low: first bin's centre, in the label's unit.
        high: last bin's centre.
        bins: number of bins.
        spread: standard deviation of the target in the same unit, default 3.
        weight: factor of the expectation's error, at least 0, default 1.
        **kwargs: name, reduction and dtype of `keras.losses.Loss`.

    Call arguments:
        y_true: `(batch,)` or `(batch, 1)` float, in the unit.
        y_pred: `(batch, bins)` logits.

    Raises:
        ValueError: fewer than two bins, `high <= low`, or a spread that is not positive.

    Reference:
        Gao et al., "Age estimation using expectation of label distribution learning" (2018),
        eq. 6 to 8. There the spread is 2 and the second term is the plain absolute
        difference; here it is divided by the spread, which makes the two of one size in any
        unit.
    """

    def __init__(
        self,
        low: float,
        high: float,
        bins: int,
        spread: float = 3.0,
        weight: float = 1.0,
        name: str = "label_distribution",
        **kwargs,
    ):
        super().__init__(name=name, **kwargs)
        if bins < 2 or not high > low:
            raise ValueError(
                "two or more bins from low up to high are needed. "
                f"Received: low={low}, high={high}, bins={bins}"
            )
        if not spread > 0 or weight < 0:
            raise ValueError(
                "spread must be more than 0 and weight at least 0. "
                f"Received: spread={spread}, weight={weight}"
            )
        self.low, self.high, self.bins = float(low), float(high), int(bins)
        self.spread, self.weight = float(spread), float(weight)

    def call(self, y_true, y_pred):
        centres = bin_centres(self.low, self.high, self.bins)
        value = ops.reshape(ops.cast(y_true, "float32"), (-1,))
        logits = ops.cast(y_pred, "float32")
        target = normal_target(value, centres, self.spread)
        gap = ops.log(target + 1e-12) - ops.log_softmax(logits, axis=-1)
        divergence = ops.sum(target * gap, axis=-1)
        return (
            divergence + self.weight * ops.abs(expectation(logits, centres) - value) / self.spread
        )

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "low": self.low,
            "high": self.high,
            "bins": self.bins,
            "spread": self.spread,
            "weight": self.weight,
            "dtype": self.dtype,
        }
