"""A number with a unit: age in years."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from kerasface.tasks.task import Task

if TYPE_CHECKING:
    import keras

# Half of what lies outside the central 80 % interval that is shown to people.
TAIL = 0.1


class Regression(Task):
    """A number in a unit, as one value or as a distribution over bins.

    With bins the head gives logits over `linspace(*range, bins)`; the answer is their
    expectation, and the distribution also gives a range. Without, it gives the number.

    Args:
        name: the task's name.
        unit: what the number counts, e.g. "years".
        range: `(lowest, highest)` label in that unit.
        bins: number of bins, at least 2, or None for one value.
        spread: standard deviation of the target distribution, or the scale of the error
            where there are no bins; in the unit. Default: a 30th of the range.
        alpha: weight of the task's loss.
        note: a sentence shown beside the answer.

    Raises:
        ValueError: the range is empty, there is one bin, or the spread is not positive.

    Example:
        >>> age = Regression("age", unit="years", range=(0, 116), bins=59)
        >>> age.output_size
        59
    """

    kind = "regression"

    def __init__(
        self,
        name: str,
        unit: str,
        range: tuple[float, float],
        bins: int | None = None,
        spread: float | None = None,
        alpha: float = 1.0,
        note: str = "",
    ):
        super().__init__(name, alpha, note)
        self.low, self.high = (float(end) for end in range)
        if not self.high > self.low or (bins is not None and bins < 2):
            raise ValueError(
                f"'{name}' needs a range that rises and bins of 2 or more (or None). "
                f"Received: range={range}, bins={bins}"
            )
        self.unit = unit
        self.bins = None if bins is None else int(bins)
        self.spread = float(spread) if spread is not None else (self.high - self.low) / 30.0
        if not self.spread > 0:
            raise ValueError(f"'{name}' needs a spread above 0. Received: spread={spread}")

    @property
    def output_size(self) -> int:
        return 1 if self.bins is None else self.bins

    @property
    def filler(self):
        return np.float32((self.low + self.high) / 2.0)

    @property
    def centres(self) -> np.ndarray:
        """`(bins,)` float64, the value each output stands for, in the unit."""
        return np.linspace(self.low, self.high, self.bins or 1)

    def make_head(self) -> keras.layers.Layer:
        if self.bins is not None:
            return super().make_head()
        import keras

        middle, half = (self.low + self.high) / 2.0, (self.high - self.low) / 2.0
        return keras.Sequential(
            [
                keras.layers.Dense(1, dtype="float32"),
                keras.layers.Rescaling(half, offset=middle, dtype="float32"),
            ],
            name=f"{self.name}_head",
        )

    def mean_answer(self, labels: np.ndarray) -> np.ndarray | None:
        if self.bins is not None:
            return None
        return np.asarray(labels, "float64").mean(keepdims=True).reshape(1).astype("float32")

    def make_loss(self) -> keras.losses.Loss:
        from kerasface.losses.label_distribution import LabelDistributionLoss
        from kerasface.losses.scaled_error import ScaledAbsoluteError

        if self.bins is None:
            return ScaledAbsoluteError(self.spread, name=f"{self.name}_error")
        return LabelDistributionLoss(
            self.low, self.high, self.bins, self.spread, name=f"{self.name}_distribution"
        )

    def make_metrics(self) -> list[keras.metrics.Metric]:
        from kerasface.metrics.expectation_error import MaskedExpectationError
        from kerasface.metrics.masked import LabelledCount, MaskedLoss

        return [
            MaskedExpectationError(self.low, self.high, self.bins, name="mean_absolute_error"),
            MaskedLoss(self.make_loss(), name="mean_loss"),
            LabelledCount(name="labelled"),
        ]

    def make_distillation_loss(self, temperature: float) -> keras.losses.Loss:
        """Soft targets over the bins (at temperature 1: it is a density), else the error."""
        from kerasface.losses.scaled_error import ScaledAbsoluteError
        from kerasface.losses.soft_targets import SoftTargetCrossentropy

        del temperature
        if self.bins is None:
            return ScaledAbsoluteError(self.spread, name=f"{self.name}_teacher_error")
        return SoftTargetCrossentropy(1.0, name=f"{self.name}_soft_targets")

    def encode(self, raw) -> np.float32:
        try:
            value = float(raw)
        except (TypeError, ValueError):
            value = float("nan")  # falls out below, with the sentence that says what is allowed
        if not self.low <= value <= self.high:
            raise ValueError(
                f"'{self.name}' must be from {self.low:g} to {self.high:g} {self.unit}. "
                f"Received: {raw!r}"
            )
        return np.float32(value)

    def legal(self, labels: np.ndarray) -> np.ndarray:
        return (labels >= self.low) & (labels <= self.high)

    def expected(self, outputs: np.ndarray) -> np.ndarray:
        """`(rows,)` values in the unit from outputs `(rows, output_size)`."""
        return self._distribution(outputs) @ self.centres if self.bins else outputs[:, 0]

    def _distribution(self, outputs: np.ndarray) -> np.ndarray:
        logits = np.asarray(outputs, "float64")
        odds = np.exp(logits - logits.max(-1, keepdims=True))
        return odds / odds.sum(-1, keepdims=True)

    def ranges(self, outputs: np.ndarray) -> np.ndarray:
        """Central 80 % ranges, `(rows, 2)` in the unit, from outputs over bins.

        The network learns the label blurred by the target's own spread, so its distribution is
        wider than what is uncertain about the label. Around the median, the quantiles are drawn
        in by the share of the standard deviation that is left without that spread; a bin's
        width is always left, since nothing finer was learnt.
        """
        distribution = self._distribution(outputs)
        centres, width = self.centres, self.centres[1] - self.centres[0]
        mean = distribution @ centres
        variance = distribution @ centres**2 - mean**2
        left = np.maximum(variance - self.spread**2, width**2)
        share = np.sqrt(np.minimum(left / np.maximum(variance, 1e-9), 1.0))
        below = np.cumsum(distribution, axis=-1) - distribution / 2.0
        places = (TAIL, 0.5, 1.0 - TAIL)
        quantiles = np.array([np.interp(places, row, centres) for row in below])
        low, median, high = quantiles.reshape(-1, len(places)).T
        return np.stack([median + share * (low - median), median + share * (high - median)], -1)

    def decode(self, outputs: np.ndarray) -> list[dict]:
        values = self.expected(np.asarray(outputs))
        answers = [{"value": round(float(value), 1), "unit": self.unit} for value in values]
        if self.bins:
            for answer, (low, high) in zip(answers, self.ranges(outputs), strict=True):
                answer["low"], answer["high"] = round(float(low), 1), round(float(high), 1)
        return answers

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "unit": self.unit,
            "range": [self.low, self.high],
            "bins": self.bins,
            "spread": self.spread,
        }
