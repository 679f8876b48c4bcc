"""How errors of key points spread over faces: failures and the area under their curve."""

from __future__ import annotations

import numpy as np

# Of the distance of the eyes; past it a face counts as not found (Sagonas et al. 2016, 300-W).
FAILURE = 0.1


def failure_rate(errors, beyond: float = FAILURE, weights=None) -> float:
    """Share of faces whose error is above `beyond`; an error that is NaN is a failure.

    Args:
        errors: `(faces,)` error of each face as a share of the distance of the eyes.
        beyond: the largest error that is no failure, default 0.1.
        weights: `(faces,)` how often each face counts, default once.

    Raises:
        ValueError: no face, or as many weights as faces are not given.

    Example:
        >>> failure_rate([0.02, 0.1, 0.11, float("nan")])
        0.5
    """
    errors, weights = _columns(errors, weights)
    return float(weights[~(errors <= beyond)].sum() / weights.sum())


def cumulative_area(errors, up_to: float = FAILURE, weights=None) -> float:
    """Area under the cumulative error distribution from 0 to `up_to`, as a share of the whole.

    The distribution at `e` is the share of faces whose error is at most `e`, so a face of error
    `e` adds `(up_to - e) / up_to` where that is positive: 1 if all errors are 0, 0 if none is
    below `up_to`.

    Args:
        errors: as in `failure_rate`.
        up_to: right end of the curve, more than 0, default 0.1.
        weights: as in `failure_rate`.

    Raises:
        ValueError: as `failure_rate`, or `up_to` is not positive.

    Example:
        >>> round(cumulative_area([0.0, 0.05, 0.2, float("nan")]), 6)
        0.375
    """
    if not up_to > 0:
        raise ValueError(f"up_to must be more than 0. Received: up_to={up_to}")
    errors, weights = _columns(errors, weights)
    # Past the end, or not a number: adds nothing.
    inside = np.where(errors <= up_to, errors, up_to)
    return float((weights * (up_to - inside)).sum() / (up_to * weights.sum()))


def _columns(errors, weights) -> tuple[np.ndarray, np.ndarray]:
    errors = np.asarray(errors, "float64")
    weights = np.ones(errors.shape) if weights is None else np.asarray(weights, "float64")
    if errors.ndim != 1 or not len(errors) or weights.shape != errors.shape:
        raise ValueError(
            "errors must be a column of one face or more, weights as many. "
            f"Received: shapes {errors.shape} and {weights.shape}"
        )
    return errors, weights
