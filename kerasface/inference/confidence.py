"""How sure a classifier is of its answer, brought to how often it is right, and when to say so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np


def calibrated(logits: np.ndarray, temperature: float = 1.0) -> np.ndarray:
    """Temperature scaling: logits whose softmax is as sure as the classifier is often right.

    The order of the classes, and with it the accuracy, stays as it is.

    Args:
        logits: `(..., classes)` of a classification task.
        temperature: above 0; above 1 makes answers less sure, 1 leaves them.

    Returns:
        `logits / temperature`, float64 of the same shape, for `Classification.decode`.

    Raises:
        ValueError: the temperature is not above 0 or not finite.

    Reference:
        Guo, Pleiss, Sun, Weinberger, "On calibration of modern neural networks" (2017), eq. 9.

    Example:
        >>> calibrated(np.array([[3.0, 0.0]]), 1.5).tolist()
        [[2.0, 0.0]]
    """
    if not 0.0 < temperature < float("inf"):
        raise ValueError(
            f"temperature must be finite and above 0. Received: temperature={temperature!r}"
        )
    return np.asarray(logits, "float64") / temperature


def with_doubt(answer: Mapping[str, Any], threshold: float | None) -> dict[str, Any]:
    """An answer that says whether it is sure, and gives no label where it is not.

    Under the threshold `label` is None (`null` in JSON, an empty field in CSV), so that nobody
    counts a guess as an answer by leaving `sure` unread; `confidence` and `probabilities` stay,
    and the likeliest class can be read from them.

    Args:
        answer: of `Classification.decode`; one without a `label` and `confidence` (ages, points)
            is given back as it is.
        threshold: lowest confidence, 0..1, of which a label is given; None gives every answer
            back as it is.

    Returns:
        A new dict with `sure`, True or False, beside what the answer holds.

    Raises:
        ValueError: the threshold is not from 0 to 1.

    Reference:
        Geifman, El-Yaniv, "Selective classification for deep neural networks" (2017), section 3,
        with the softmax response as confidence.

    Example:
        >>> answer = {"label": "yes", "confidence": 0.6, "probabilities": {"no": 0.4, "yes": 0.6}}
        >>> with_doubt(answer, 0.8)["label"], with_doubt(answer, 0.5)["label"]
        (None, 'yes')
    """
    if threshold is None:
        return dict(answer)
    if not 0.0 <= threshold <= 1.0:
        raise ValueError(f"threshold must be from 0 to 1. Received: threshold={threshold!r}")
    if "label" not in answer or "confidence" not in answer:
        return dict(answer)
    sure = answer["confidence"] >= threshold
    return {**answer, "label": answer["label"] if sure else None, "sure": bool(sure)}


def temperatures_of(manifest: Any) -> dict[str, float]:
    """The fitted temperature of each classification task of an entry, by its name.

    Args:
        manifest: a `kerasface.zoo.Manifest`, or None.

    Returns:
        Empty where there is no manifest, or an older one without temperatures.
    """
    facts = getattr(manifest, "temperatures", None) or ()
    return {fact.task: fact.temperature for fact in facts}
