"""The 68 ibug points and the 5 points of drawn faces, read off the curves that draw them."""

import numpy as np

from kerasface.data.synthetic.anatomy import Face

JAW = (0.0, 0.20, 0.40, 0.58, 0.74, 0.86, 0.94, 0.985)  # depths from eye height to the chin
FIFTHS = (-1.0, -0.5, 0.0, 0.5, 1.0)
LIDS = (0.4, -0.4)
OUTER_LIP = (-0.66, -0.33, 0.0, 0.33, 0.66)
INNER_LIP = (-0.4, 0.0, 0.4)
INNER_CORNER = 0.9
NOSE_TIP, LEFT_CORNER, RIGHT_CORNER = 30, 48, 54
LEFT_EYE, RIGHT_EYE = slice(36, 42), slice(42, 48)


def landmarks68(face: Face) -> np.ndarray:
    """The 68 points in ibug order: jaw, brows, nose, eyes, outer lips, inner lips.

    Returns:
        `(n, 68, 2)` float32, x first, in units of the crop: 0 is its left or top edge (not the
        centre of the first pixel), 1 its right or bottom edge. A point may lie outside.
    """
    upper, inner_upper, inner_lower, lower = face.mouth
    left_jaw, right_jaw = (face.outline.points(JAW, side) for side in (-1, 1))
    inner_ends = _between(inner_upper, inner_lower, (-INNER_CORNER, INNER_CORNER))
    parts = [
        left_jaw,
        face.outline.points((1.0,), 1),
        right_jaw[:, ::-1],
        *(brow.points(FIFTHS) for brow in face.brows),
        face.bridge.points((-1.0, -1 / 3, 1 / 3, 1.0))[..., ::-1],
        face.nose_base.points(FIFTHS),
        *(
            points
            for top, bottom in zip(face.upper_lids, face.lower_lids, strict=True)
            for points in (top.points((-1.0, *LIDS[::-1], 1.0)), bottom.points(LIDS))
        ),
        upper.points((-1.0, *OUTER_LIP, 1.0)),
        lower.points(OUTER_LIP[::-1]),
        inner_ends[:, :1],
        inner_upper.points(INNER_LIP),
        inner_ends[:, 1:],
        inner_lower.points(INNER_LIP[::-1]),
    ]
    return to_crop(np.concatenate(parts, axis=1), face.pose)


def landmarks5(points: np.ndarray) -> np.ndarray:
    """Centres of the eyes (mean of six points each), tip of the nose, corners of the mouth.

    Args:
        points: `(n, 68, 2)`.

    Returns:
        `(n, 5, 2)` float32: left of the picture first, as everywhere.
    """
    eyes = [_mean(points[:, eye]) for eye in (LEFT_EYE, RIGHT_EYE)]
    others = [points[:, place] for place in (NOSE_TIP, LEFT_CORNER, RIGHT_CORNER)]
    return np.stack([*eyes, *others], axis=1)


def eye_centres(face: Face) -> list[tuple[np.ndarray, np.ndarray]]:
    """`(x, y)` of both eyes in head units: the mean of each eye's six landmarks."""
    centres = []
    for top, bottom in zip(face.upper_lids, face.lower_lids, strict=True):
        edge = np.concatenate([top.points((-1.0, *LIDS, 1.0)), bottom.points(LIDS)], axis=1)
        middle = _mean(edge)
        centres.append((middle[:, 0], middle[:, 1]))
    return centres


def to_crop(points: np.ndarray, pose: np.ndarray) -> np.ndarray:
    """Points of head units `(n, k, 2)` in the crop, by the pose `(n, 4)` of a `Face`."""
    cosine, sine, right, down = (pose[:, None, column] for column in range(4))
    x, y = points[..., 0], points[..., 1]
    placed = [cosine * x - sine * y + right, sine * x + cosine * y + down]
    return (0.5 + 0.5 * np.stack(placed, axis=-1)).astype(np.float32)


def _between(first, second, places) -> np.ndarray:
    """Midway between two curves at the same places."""
    return (first.points(places) + second.points(places)) / 2


def _mean(points: np.ndarray) -> np.ndarray:
    """Mean over axis 1, added in a fixed order so that every machine rounds alike."""
    total = points[:, 0].copy()
    for place in range(1, points.shape[1]):
        total += points[:, place]
    return total / np.float32(points.shape[1])
