"""What is labelled: rows of a prepared set, or picture files that are crops of faces."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from kerasface.data.decode import decoding
from kerasface.data.prepared import PreparedSet
from kerasface.data.template import SIZE
from kerasface.inference.cropping import crop_face
from kerasface.inference.detection import Detector, find_faces, resolve_detector
from kerasface.tasks import Task


class ReadRows(NamedTuple):
    """Pictures of some rows of a source.

    Args:
        rows: `(n,)` int64, those that could be read, rising.
        images: `(n, height, width, 3)` uint8.
        unreadable: by row, the picture's name and in one line what is wrong with it.
    """

    rows: np.ndarray
    images: np.ndarray
    unreadable: dict[int, tuple[str, str]]


@dataclass(frozen=True)
class SetSource:
    """The rows of a prepared set; a task is lacking where the set has no label for it.

    Args:
        prepared: the set; its name is its domain.
    """

    prepared: PreparedSet

    @property
    def dataset(self) -> str:
        """The data set's name."""
        return self.prepared.domain

    @property
    def names(self) -> np.ndarray:
        """`(rows,)` str."""
        return self.prepared.names

    def lacking(self, task: Task) -> np.ndarray:
        """`(rows,)` bool, which rows have no true label of the task."""
        known = self.prepared.masks.get(task.name)
        return np.ones(len(self.prepared), bool) if known is None else ~known

    def digest(self, tasks: Sequence[Task]) -> str:
        """sha256 over names, pixels and what is lacking."""
        digest = _digest_of_names(self.names)
        digest.update(np.ascontiguousarray(self.prepared.images))
        for task in tasks:
            digest.update(self.lacking(task).tobytes())
        return digest.hexdigest()

    def read(self, rows: np.ndarray) -> ReadRows:
        """The pictures of these rows."""
        return ReadRows(rows, np.asarray(self.prepared.images[rows]), {})


class FileSource:
    """Picture files, decoded by threads and cut to the teacher's size; nothing is known of them.

    Args:
        paths: the files, in the order of the rows.
        dataset: name of the data set.
        root: names are paths relative to this folder, in POSIX form; None: the paths as given.
        size: pixels of a crop's side.
        detector: as `kerasface.inference.find_faces`. None: each picture is the crop of a face.
            With a detector the largest face of each picture counts.
        workers: threads that decode; a detector has one.

    Raises:
        ValueError: no file, or an unknown detector.
    """

    def __init__(
        self,
        paths: Sequence[str | Path],
        dataset: str,
        root: str | Path | None = None,
        size: int = SIZE,
        detector: str | Detector | None = None,
        workers: int = 4,
    ):
        if not paths:
            raise ValueError("there must be pictures to label. Received: no path")
        self.paths, self.dataset = [Path(path) for path in paths], dataset
        self.detector = resolve_detector(detector)
        # A detector is a network of its own, and is not called by several threads at once.
        self.size, self.workers = int(size), int(workers) if self.detector is None else 1
        given = self.paths if root is None else [path.relative_to(root) for path in self.paths]
        self.names = np.array([path.as_posix() for path in given], str)

    def lacking(self, task: Task) -> np.ndarray:
        """`(rows,)` bool: every row lacks every task."""
        del task
        return np.ones(len(self.paths), bool)

    def digest(self, tasks: Sequence[Task]) -> str:
        """sha256 over names, sizes of the files, size of the crop, and whether faces are sought."""
        del tasks
        digest = _digest_of_names(self.names)
        sizes = [path.stat().st_size if path.is_file() else -1 for path in self.paths]
        digest.update(np.array([*sizes, self.size, self.detector is not None], np.int64))
        return digest.hexdigest()

    def read(self, rows: np.ndarray) -> ReadRows:
        """The pictures of these rows; a broken one is a line in `unreadable`."""
        images, kept, unreadable = [], [], {}
        with ThreadPoolExecutor(self.workers) as pool:
            for row, found in zip(rows, pool.map(self._crop, rows), strict=True):
                if isinstance(found, str):
                    unreadable[int(row)] = (str(self.names[row]), found)
                else:
                    images.append(found)
                    kept.append(row)
        shape = (0, self.size, self.size, 3)
        pixels = np.stack(images) if images else np.zeros(shape, np.uint8)
        return ReadRows(np.array(kept, np.int64), pixels, unreadable)

    def _crop(self, row: int) -> np.ndarray | str:
        """`(size, size, 3)` uint8, or what is wrong."""
        try:
            with decoding(self.paths[row]) as image:
                if self.detector is None:
                    return crop_face(image, None, self.size)
                faces = find_faces(image, self.detector)
                if not faces:
                    return "no face found"
                largest = max(faces, key=lambda face: face.box[2] * face.box[3])
                return crop_face(image, largest, self.size)
        except ValueError as error:  # ImageError, or a crop that is none
            return " ".join(str(error).split())


def _digest_of_names(names: np.ndarray) -> Any:
    return hashlib.sha256("\n".join(map(str, names)).encode())
