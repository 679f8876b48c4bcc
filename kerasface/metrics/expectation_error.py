"""Mean absolute error of a number that a head gives as a distribution over bins."""

from __future__ import annotations

from keras import ops

from kerasface.export import registered
from kerasface.metrics.masked import MaskedMetric
from kerasface.ops.expectation import bin_centres, expectation


@registered
class MaskedExpectationError(MaskedMetric):
    """`|E[softmax(z)] - y|` over labelled rows, in the label's unit.

    Args:
        low: first bin's centre.
        high: last bin's centre.
        bins: number of bins, or None where the output is the number itself.
        name: the metric's name.

    Call arguments:
        y_true: `(batch,)` float, in the unit.
        y_pred: `(batch, bins)` logits, or `(batch, 1)`.
        sample_weight: `(batch,)`; rows count where it is above 0.
    """

    def __init__(self, low, high, bins=None, name="mean_absolute_error", dtype=None):
        super().__init__(None, name=name, dtype=dtype)
        self.low, self.high, self.bins = float(low), float(high), bins

    def values(self, y_true, y_pred):
        truth = ops.reshape(ops.cast(y_true, "float32"), (-1,))
        if self.bins is None:
            value = ops.reshape(ops.cast(y_pred, "float32"), (-1,))
        else:
            value = expectation(y_pred, bin_centres(self.low, self.high, self.bins))
        return ops.abs(value - truth)

    def get_config(self) -> dict:
        config = super().get_config()
        del config["fn"]
        return {**config, "low": self.low, "high": self.high, "bins": self.bins}

    @classmethod
    def from_config(cls, config):
        return cls(**config)
