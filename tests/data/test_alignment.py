"""Alignment against an oracle in plain loops, and what it promises of turned heads."""

import math

import numpy as np
import pytest

from kerasface.data.alignment import face_alignment, inverse, similarity, transform_points
from kerasface.data.template import POINTS


def umeyama(source, target):
    """Umeyama (1991), eq. 40 to 42, by loops and the decomposition of the covariance."""
    n = len(source)
    middle = [sum(p[k] for p in source) / n for k in (0, 1)]
    target_middle = [sum(p[k] for p in target) / n for k in (0, 1)]
    covariance, variance = np.zeros((2, 2)), 0.0
    for p, q in zip(source, target, strict=True):
        for i in (0, 1):
            variance += (p[i] - middle[i]) ** 2 / n
            for j in (0, 1):
                covariance[i, j] += (q[i] - target_middle[i]) * (p[j] - middle[j]) / n
    u, singular, v = np.linalg.svd(covariance)
    sign = np.diag([1.0, np.sign(np.linalg.det(u) * np.linalg.det(v))])
    rotation = u @ sign @ v
    scale = np.trace(np.diag(singular) @ sign) / variance
    shift = np.array(target_middle) - scale * rotation @ np.array(middle)
    return np.column_stack([scale * rotation, shift])


@pytest.mark.parametrize("seed", range(5))
def test_similarity_is_umeyamas(seed):
    rng = np.random.default_rng(seed)
    source = rng.normal(size=(5, 2))
    target = source @ [[1.5, 2.0], [-2.0, 1.5]] + 3 + rng.normal(size=(5, 2)) * 0.3
    np.testing.assert_allclose(similarity(source, target), umeyama(source, target), atol=1e-9)


def test_quarter_turn_by_hand():
    """(1, 0) and (-1, 0) to (0, 2) and (0, -2): turned by 90 degrees, twice as large."""
    matrix = similarity([(1, 0), (-1, 0)], [(0, 2), (0, -2)])
    np.testing.assert_allclose(matrix, [[0, -2, 0], [2, 0, 0]], atol=1e-12)


@pytest.mark.parametrize("angle", [-170, -30, 0, 45, 120])
def test_tilted_face_is_turned_upright(angle):
    turn = math.radians(angle)
    rotation = np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
    points = np.array(POINTS) * 70 @ rotation.T + (300, 200)
    to_crop = inverse(face_alignment(points, POINTS))
    np.testing.assert_allclose(transform_points(points, to_crop), POINTS, atol=1e-9)


def test_head_turned_aside_is_not_zoomed_in():
    """Points squeezed to a third of their width: eyes to mouth still span the template's share."""
    points = (np.array(POINTS) - 0.5) * (100 / 3, 100) + 200
    placed = transform_points(points, inverse(face_alignment(points, POINTS)))
    reach = placed[3:].mean(axis=0) - placed[:2].mean(axis=0)
    np.testing.assert_allclose(reach, (0, POINTS[3][1] - POINTS[0][1]), atol=1e-9)


def test_no_way_back():
    with pytest.raises(ValueError, match="no inverse"):
        inverse(np.zeros((2, 3)))
