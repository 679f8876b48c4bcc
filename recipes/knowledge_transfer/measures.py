"""What a trained network is measured by: points, people, pairs; each with its 95 % interval."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np

from kerasface.data.prepared import PreparedSet
from kerasface.evaluation import (
    cumulative_area,
    equal_error_rate,
    failure_rate,
    mean_with_interval,
    nearest_neighbour_hits,
    pairs_protocol,
    point_errors,
    squared_pair_distances,
    tar_at_far,
)
from kerasface.models import FaceModel
from kerasface.tasks import Embedding

RESAMPLES, BATCH = 2000, 256
FARS = (1e-2, 1e-3)


def outputs_of(model: FaceModel, images: np.ndarray) -> dict[str, np.ndarray]:
    """By task name `(rows, output_size)`; the last batch is filled up, so one trace does."""
    parts, rows = [], min(BATCH, len(images))
    for start in range(0, len(images), 16 * BATCH):
        part = images[start : start + 16 * BATCH]
        filled = np.concatenate([part, np.repeat(part[-1:], -len(part) % rows, axis=0)])
        found = model.predict(filled.astype("float32"), batch_size=rows, verbose=0)
        parts.append({name: np.asarray(each)[: len(part)] for name, each in found.items()})
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def points_of(model: FaceModel, images: np.ndarray, name: str) -> np.ndarray:
    """`(rows, points, 2)` as shares of the crop."""
    return outputs_of(model, images)[name].reshape(len(images), -1, 2)


def vectors_of(model: FaceModel, images: np.ndarray, name: str | None = None) -> np.ndarray:
    """`(rows, dim)` of unit length, the mean over each picture and its mirror image.

    Args:
        model: whose embedding is taken, or where it has none, its trunk's features.
        images: `(rows, height, width, 3)` uint8.
        name: the embedding's task, default the only one.
    """
    tasks = [task.name for task in model.tasks if isinstance(task, Embedding)]
    asked = model
    if not tasks:
        inner = keras.Sequential([keras.Input(images.shape[1:]), model.rescale, model.trunk])
        asked, tasks = _Named(inner), ["features"]
    name = name or tasks[0]
    total = 0.0
    for view in (images, images[:, :, ::-1]):
        total = total + _unit(outputs_of(asked, view)[name].astype("float64"))
    return _unit(total)


class _Named:
    """A network of one output under a name."""

    def __init__(self, network):
        self.network = network

    def predict(self, images, **how):
        return {"features": self.network.predict(images, **how)}


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)


def point_result(model: FaceModel, faces: PreparedSet, name: str) -> dict:
    """`error_result` of a network's points."""
    return error_result(points_of(model, faces.images, name), faces.labels[name])


def error_result(points: np.ndarray, labels: np.ndarray) -> dict:
    """Mean error, failures above 10 %, area to 10 %, and each face's errors.

    Args:
        points: `(faces, points, 2)`, or one face's, which then answers for all.
        labels: `(faces, points, 2)`.
    """
    mean, root = point_errors(np.broadcast_to(points, labels.shape), labels)
    return {
        "nme": with_interval(mean),
        "nrmse": with_interval(root),
        "failures": failure_rate(mean),
        "area": cumulative_area(mean),
        "faces": len(mean),
        "each": mean.tolist(),
        "each_nrmse": root.tolist(),
    }


def neighbour_result(vectors: np.ndarray, people: np.ndarray) -> dict:
    """Top-1 of the nearest neighbour; the interval draws people."""
    right = nearest_neighbour_hits(vectors, people).astype(float)
    return {"top1": with_interval(right, people), "each": right.tolist()}


def pair_result(vectors: np.ndarray, names: Sequence[str], pairs: Sequence) -> dict:
    """Accuracy over folds, TAR at a FAR, equal error; and whether each pair was told right."""
    place = {name: row for row, name in enumerate(np.asarray(names).tolist())}
    known = [pair for pair in pairs if pair.first in place and pair.second in place]
    first = vectors[[place[pair.first] for pair in known]]
    second = vectors[[place[pair.second] for pair in known]]
    same = np.array([pair.same for pair in known])
    folds = np.array([pair.fold for pair in known])
    distances = squared_pair_distances(first, second)
    result = pairs_protocol(distances, same, folds)
    by_fold = dict(zip(np.unique(folds).tolist(), result.thresholds, strict=True))
    right = (distances <= np.array([by_fold[fold] for fold in folds.tolist()])) == same
    found = {
        "accuracy": with_interval(right.astype(float)),
        "standard_error": result.standard_error,
        "equal_error": equal_error_rate(distances, same),
        "pairs": len(known),
        "unknown_pairs": len(pairs) - len(known),
        "threshold": float(np.mean(result.thresholds)),
        "each": right.astype(float).tolist(),
    }
    for far in FARS:
        if (~same).sum() * far >= 1:
            found[f"tar_at_{far:g}"] = tar_at_far(distances, same, far)
    return found


def with_interval(values, people=None, seed: int = 0) -> dict:
    """Mean and its 95 % interval by the bootstrap, over rows or over whole people.

    Args:
        values: `(rows,)` float; NaN is left out.
        people: `(rows,)` names, or None.
        seed: of the draws.
    """
    values = np.asarray(values, float)
    kept = np.isfinite(values)
    people = None if people is None else np.asarray(people)[kept]
    found = mean_with_interval(values[kept], people, RESAMPLES, seed=seed)
    return {name: found[name] for name in ("value", "low", "high")}


def gap(first: Sequence, second: Sequence, people=None, seed: int = 0) -> dict:
    """Mean of `first - second` of the same rows, with its 95 % interval by the bootstrap.

    Args:
        first: `(rows,)`, or `(seeds, rows)` of as many runs of each.
        second: the same.
        people: `(rows,)` names: whole people are drawn; None: rows. Seeds are drawn too.
        seed: of the draws.
    """
    gaps = np.atleast_2d(np.asarray(first, float)) - np.atleast_2d(np.asarray(second, float))
    if people is None:
        sums, counts = gaps, np.ones(gaps.shape[1])
    else:
        _, group = np.unique(np.asarray(people), return_inverse=True)
        sums = np.stack([np.bincount(group, row) for row in gaps])
        counts = np.bincount(group).astype(float)
    chance, drawn = np.random.default_rng(seed), []
    for _ in range(RESAMPLES):
        times = np.bincount(chance.integers(0, len(counts), len(counts)), minlength=len(counts))
        runs = chance.integers(0, len(gaps), len(gaps))
        drawn.append((sums[runs] @ times).mean() / (counts @ times))
    low, high = np.quantile(drawn, [0.025, 0.975])
    return {"value": float(gaps.mean()), "low": float(low), "high": float(high)}


def percent(number: dict, digits: int = 1) -> str:
    """Value and interval of shares as percentages, such as "89.1 (88.3 to 89.9)"."""
    value, low, high = (f"{100 * number[name]:.{digits}f}" for name in ("value", "low", "high"))
    return f"{value} ({low} to {high})"
