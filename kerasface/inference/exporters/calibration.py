"""Faces by which the ranges of int8 are measured."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

# Ranges settle before this many faces, and each takes some milliseconds.
COUNT = 512
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".ppm", ".pgm")

Source = str | os.PathLike


def calibration_faces(
    sources: Source | Sequence[Source] | np.ndarray | None,
    input_shape: tuple[int, int, int],
    count: int = COUNT,
) -> tuple[np.ndarray, str]:
    """Crops for the calibration of int8, and in words where they are from.

    They should be faces of the kind the model will read. Faces drawn by
    `kerasface.data.synthetic` do for classes and cost some accuracy in fine numbers: the first
    student's mean error of age grew by 0.4 years with them, by 0.04 with photographs.

    Args:
        sources: files of `kerasface.data.PreparedSet` (`.npz`) or folders of face crops, of
            which as many are taken of each, evenly spread; or crops `(n, height, width,
            channels)` uint8; or None for drawn faces.
        input_shape: `(height, width, channels)` of the model.
        count: how many faces, at least 1.

    Returns:
        `(n, height, width, channels)` uint8 with n at most `count`, and a phrase without paths.

    Raises:
        ValueError: a source holds no face, or crops of another size.
        FileNotFoundError: a source is not there.

    Example:
        >>> faces, words = calibration_faces(None, (48, 48, 3), count=8)
        >>> faces.shape, words
        ((8, 48, 48, 3), '8 drawn faces')
    """
    if count < 1:
        raise ValueError(f"count must be 1 or more. Received: count={count}")
    height, width, channels = input_shape
    if sources is None:
        from kerasface.data.synthetic import synthetic_set

        faces = synthetic_set(count, size=height, tasks=()).images
        return _fitting(faces, input_shape, "drawn faces"), f"{len(faces)} drawn faces"
    if isinstance(sources, np.ndarray):
        faces = _fitting(_spread(sources, count), input_shape, "the given crops")
        return faces, f"{len(faces)} faces"
    sources = [sources] if isinstance(sources, (str, os.PathLike)) else list(sources)
    paths = [Path(source) for source in sources]
    if not paths:
        raise ValueError("calibration needs a file or folder. Received: none")
    each = -(-count // len(paths))
    parts = [_fitting(_read(path, height, each), input_shape, str(path)) for path in paths]
    faces = np.concatenate(parts)
    names = ", ".join(
        f"{len(part)} of {path.name}" for part, path in zip(parts, paths, strict=True)
    )
    return faces, f"{len(faces)} faces: {names}"


def _spread(rows, count: int):
    """At most so many of the rows, evenly spread, from the first on."""
    if len(rows) <= count:
        return rows
    places = np.arange(count) * len(rows) // count
    return rows[places] if isinstance(rows, np.ndarray) else [rows[place] for place in places]


def _read(path: Path, side: int, count: int) -> np.ndarray:
    if path.is_dir():
        return _pictures(path, side, count)
    if not path.exists():
        raise FileNotFoundError(f"no such file or folder: {path}")
    if path.suffix != ".npz":
        raise ValueError(f"calibration is a folder of pictures or an .npz file. Received: {path}")
    from kerasface.data.prepared import PreparedSet

    return _spread(PreparedSet.load(path).images, count)


def _pictures(folder: Path, side: int, count: int) -> np.ndarray:
    """Crops of a folder's pictures; one that cannot be read is passed over."""
    from kerasface.data.decode import ImageError, decode_image
    from kerasface.inference.cropping import crop_face

    crops = []
    files = sorted(each for each in folder.rglob("*") if each.suffix.lower() in SUFFIXES)
    for file in _spread(files, count):
        try:
            crops.append(crop_face(decode_image(file), None, side))
        except (ImageError, ValueError):
            continue
    if not crops:
        raise ValueError(f"no picture of a face could be read in {folder}")
    return np.stack(crops)


def _fitting(faces: np.ndarray, input_shape, where: str) -> np.ndarray:
    """The faces, in grey where the model is."""
    if input_shape[-1] == 1 and faces.ndim == 4 and faces.shape[-1] == 3:
        from kerasface.inference.analysis import GREY_WEIGHTS

        faces = np.rint(faces @ np.array(GREY_WEIGHTS))[..., None].astype(np.uint8)
    if faces.dtype != np.uint8 or faces.shape[1:] != tuple(input_shape) or not len(faces):
        raise ValueError(
            f"{where}: the model takes uint8 {tuple(input_shape)}. "
            f"Received: {faces.dtype} of shape {faces.shape}"
        )
    return faces
