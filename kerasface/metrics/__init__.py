"""Keras metrics over labelled rows."""

from kerasface.metrics.confusion import MaskedBalancedAccuracy, MaskedConfusionMatrix
from kerasface.metrics.expectation_error import MaskedExpectationError
from kerasface.metrics.masked import (
    LabelledCount,
    MaskedAccuracy,
    MaskedLoss,
    MaskedMeanAbsoluteError,
    MaskedMetric,
)
from kerasface.metrics.step_values import LatestValue, PresentMean
from kerasface.metrics.triplet_active_share import TripletActiveShare

__all__ = [
    "LabelledCount",
    "LatestValue",
    "MaskedAccuracy",
    "MaskedBalancedAccuracy",
    "MaskedConfusionMatrix",
    "MaskedExpectationError",
    "MaskedLoss",
    "MaskedMeanAbsoluteError",
    "MaskedMetric",
    "PresentMean",
    "TripletActiveShare",
]
