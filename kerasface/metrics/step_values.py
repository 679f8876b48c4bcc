"""Numbers that a training step has one of, such as a task's weight, for the logs of an epoch."""

import keras
from keras import ops

from kerasface.export import registered


@registered
class LatestValue(keras.metrics.Metric):
    """The last value it was given; NaN until there was one.

    Args:
        name: str.
        dtype: dtype of the state; float32 by default.

    Call arguments:
        value: scalar, the same on every replica.

    Returns:
        Scalar float32, NaN where there was no value since the last reset.

    Example:

    >>> metric = LatestValue(name="age_weight")
    >>> metric.update_state(1.0)
    >>> metric.update_state(0.25)
    >>> float(metric.result())
    0.25
    """

    def __init__(self, name="latest", dtype=None):
        super().__init__(name=name, dtype=dtype)
        self.value = self.add_variable((), "zeros", name="value")
        self.count = self.add_variable((), "zeros", name="count")

    def update_state(self, value):
        self.value.assign(ops.cast(value, self.dtype))
        # Over replicas both are summed, and the ratio is the value again.
        self.count.assign(ops.ones((), self.dtype))

    def result(self):
        return _ratio(self.value, self.count)


@registered
class PresentMean(keras.metrics.Metric):
    """Mean of a value over the steps in which there was one; NaN where there was none.

    Args:
        name: str.
        dtype: dtype of the state; float32 by default.

    Call arguments:
        value: scalar; looked at only where present.
        present: scalar bool or number, whether this step has the value.

    Returns:
        Scalar float32.

    Example:

    >>> metric = PresentMean(name="age_gradient_norm")
    >>> for value, present in ((2.0, True), (float("nan"), False), (4.0, True)):
    ...     metric.update_state(value, present)
    >>> float(metric.result())
    3.0
    """

    def __init__(self, name="present_mean", dtype=None):
        super().__init__(name=name, dtype=dtype)
        self.total = self.add_variable((), "zeros", name="total")
        self.count = self.add_variable((), "zeros", name="count")

    def update_state(self, value, present=True):
        present = ops.cast(present, "bool")
        value = ops.cast(value, self.dtype)
        self.total.assign_add(ops.where(present, value, ops.zeros_like(value)))
        self.count.assign_add(ops.cast(present, self.dtype))

    def result(self):
        return _ratio(self.total, self.count)


def _ratio(total, count):
    return ops.where(count > 0, total / ops.maximum(count, 1.0), float("nan"))
