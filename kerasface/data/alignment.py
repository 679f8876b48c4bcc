"""Similarity transforms between point sets, and the one that brings a face to its template."""

from __future__ import annotations

import math

import numpy as np

# Of the five points: the eyes are the first two, the corners of the mouth the last two.
_EYES, _MOUTH = slice(0, 2), slice(3, 5)


def similarity(source, target) -> np.ndarray:
    """Rotation, scale and shift that bring points onto others with the least squared distance.

    For centred points the best `(a, b)` of `x' = a x - b y`, `y' = b x + a y` is
    `a = sum(x x' + y y') / sum(x^2 + y^2)`, `b = sum(x y' - y x') / sum(x^2 + y^2)`.

    Args:
        source: `(n, 2)` points.
        target: `(n, 2)` points.

    Returns:
        `(2, 3)` float64: `target ~ source @ matrix[:, :2].T + matrix[:, 2]`. Never a mirroring.

    Raises:
        ValueError: shapes differ, or a number is not finite, or all source points coincide.

    Reference:
        Umeyama, "Least-squares estimation of transformation parameters between two point
        patterns", 1991, eq. 40 to 42, in the plane and without reflection.
    """
    source, target = np.asarray(source, float), np.asarray(target, float)
    if source.shape != target.shape or source.ndim != 2 or source.shape[1] != 2:
        raise ValueError(
            "points must be two arrays of one shape (n, 2). "
            f"Received: shapes {source.shape} and {target.shape}"
        )
    if not (np.isfinite(source).all() and np.isfinite(target).all()):
        raise ValueError(f"points must be finite. Received: {source.tolist()}, {target.tolist()}")
    middle, target_middle = source.mean(axis=0), target.mean(axis=0)
    x, y = (source - middle).T
    u, v = (target - target_middle).T
    spread = float(np.sum(x * x + y * y))
    if spread == 0:
        raise ValueError(f"points must not all be the same. Received: {source.tolist()}")
    a = float(np.sum(x * u + y * v)) / spread
    b = float(np.sum(x * v - y * u)) / spread
    linear = np.array([[a, -b], [b, a]])
    return np.column_stack([linear, target_middle - linear @ middle])


def face_alignment(points, template) -> np.ndarray:
    """The similarity from a template to a face's five points, not zoomed in by a turned head.

    The least-squares one over all five points gives turn and place. A face turned to the side
    has its points crowded together, which alone would zoom in up to 1.8 times: the scale is never
    below what the distance from eyes to mouth, which turning leaves alone, asks for.

    Args:
        points: `(5, 2)` pixels of the picture, (x, y): left and right eye as the viewer sees
            them, nose tip, left and right corner of the mouth.
        template: `(5, 2)`, where they are to fall in the crop, in its pixels.

    Returns:
        `(2, 3)` float64, from places in the crop to places in the picture, which is the way that
        resampling needs it; `inverse` gives the other.

    Raises:
        ValueError: as `similarity`, or the points fall on one another.

    Example:
        >>> template = np.array([[1, 1], [3, 1], [2, 2], [1, 3], [3, 3]])
        >>> face_alignment(template * 10 + 5, template).tolist()
        [[10.0, 0.0, 5.0], [0.0, 10.0, 5.0]]
    """
    points, template = np.asarray(points, float), np.asarray(template, float)
    matrix = similarity(template, points)
    scale = math.hypot(matrix[0, 0], matrix[1, 0])
    if scale == 0:
        raise ValueError(
            f"the five points must not fall on one another. Received: {points.tolist()}"
        )
    long, template_long = (
        each[_MOUTH].mean(axis=0) - each[_EYES].mean(axis=0) for each in (points, template)
    )
    widen = max(1.0, math.hypot(*long) / math.hypot(*template_long) / scale)
    linear = matrix[:, :2] * widen + 0.0  # no -0.0
    return np.column_stack([linear, points.mean(axis=0) - linear @ template.mean(axis=0)])


def transform_points(points, matrix) -> np.ndarray:
    """Points `(n, 2)` under an affine `(2, 3)` matrix, `(n, 2)` float64."""
    matrix = np.asarray(matrix, float)
    return np.asarray(points, float) @ matrix[:, :2].T + matrix[:, 2]


def inverse(matrix) -> np.ndarray:
    """The way back of an affine `(2, 3)` matrix, `(2, 3)` float64.

    Raises:
        ValueError: there is none.
    """
    matrix = np.asarray(matrix, float)
    try:
        linear = np.linalg.inv(matrix[:, :2])
    except np.linalg.LinAlgError:
        raise ValueError(f"the transform has no inverse. Received: {matrix.tolist()}") from None
    return np.column_stack([linear, -linear @ matrix[:, 2]])
