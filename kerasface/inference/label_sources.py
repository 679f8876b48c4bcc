"""What is labelled or embedded: rows of a prepared set, or picture files that are crops of faces.

A source is a table of pictures that is read in parts, from any process that it was sent to. Those
of files that hold many pictures are in `parquet_source` and `record_source`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

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
        rows: `(n,)` int64, those that could be read and lack a task, rising.
        names: `(n,)` str, of the pictures.
        images: `(n, height, width, 3)` uint8.
        lacking: by task `(n,)` bool, which have no true label of it.
        unreadable: by row, the picture's name and in one line what is wrong with it.
    """

    rows: np.ndarray
    names: np.ndarray
    images: np.ndarray
    lacking: Mapping[str, np.ndarray]
    unreadable: dict[int, tuple[str, str]]


class PictureSource(Protocol):
    """What `label_images` and `embed_images` read; it can be pickled, so workers hold copies.

    Attributes:
        dataset: name of the data set.
        names: `(rows,)` str, or None where only reading tells them.
    """

    dataset: str
    names: np.ndarray | None

    def __len__(self) -> int: ...

    def digest(self, tasks: Sequence[Task] = ()) -> str:
        """sha256 of what decides the answers of these tasks: pictures, and what is lacking."""
        ...

    def read(self, rows: np.ndarray, tasks: Sequence[Task] = ()) -> ReadRows:
        """The pictures of these rows, neighbours in rising order, that lack one of the tasks.

        Without tasks all of them; nothing is lacking then.
        """
        ...


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

    def __len__(self) -> int:
        return len(self.prepared)

    def lacking(self, task: Task) -> np.ndarray:
        """`(rows,)` bool, which rows have no true label of the task."""
        known = self.prepared.masks.get(task.name)
        return np.ones(len(self.prepared), bool) if known is None else ~known

    def digest(self, tasks: Sequence[Task] = ()) -> str:
        """sha256 over names, pixels and what is lacking."""
        digest = _digest_of_names(self.names)
        digest.update(np.ascontiguousarray(self.prepared.images))
        for task in tasks:
            digest.update(self.lacking(task).tobytes())
        return digest.hexdigest()

    def read(self, rows: np.ndarray, tasks: Sequence[Task] = ()) -> ReadRows:
        """The pictures of these rows that lack one of the tasks."""
        rows = np.asarray(rows, np.int64)
        lacking = {task.name: self.lacking(task)[rows] for task in tasks}
        if lacking:
            wanted = np.any(list(lacking.values()), axis=0)
            rows, lacking = rows[wanted], {name: each[wanted] for name, each in lacking.items()}
        return ReadRows(rows, self.names[rows], self.prepared.images[rows], lacking, {})


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
        # A file's name may be no text; tables of labels hold UTF-8.
        self.names = np.array([as_text(path.as_posix()) for path in given], str)

    def __len__(self) -> int:
        return len(self.paths)

    def digest(self, tasks: Sequence[Task] = ()) -> str:
        """sha256 over names, sizes of the files, size of the crop, and whether faces are sought."""
        del tasks
        digest = _digest_of_names(self.names)
        sizes = [path.stat().st_size if path.is_file() else -1 for path in self.paths]
        digest.update(np.array([*sizes, self.size, self.detector is not None], np.int64))
        return digest.hexdigest()

    def read(self, rows: np.ndarray, tasks: Sequence[Task] = ()) -> ReadRows:
        """The pictures of these rows; a broken one is a line in `unreadable`."""

        def crop(row: int) -> np.ndarray | str:
            return crop_or_reason(self.paths[row], self.size, self.detector)

        with ThreadPoolExecutor(self.workers) as pool:
            return gathered(rows, self.names[rows], pool.map(crop, rows), self.size, tasks)


def as_text(name: str) -> str:
    """A file's name as UTF-8 can hold it: bytes that are none of it become `\\udc..`."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")


def crop_or_reason(
    picture: str | Path | bytes, size: int, detector: Detector | None
) -> np.ndarray | str:
    """`(size, size, 3)` uint8 of a picture's face, or in one line what is wrong.

    Args:
        picture: a file, or the content of one.
        size: pixels of the crop's side.
        detector: finds faces, of which the largest counts; None: the picture is a face's crop.
    """
    try:
        with decoding(picture) as image:
            if detector is None:
                return crop_face(image, None, size)
            faces = find_faces(image, detector)
            if not faces:
                return "no face found"
            largest = max(faces, key=lambda face: face.box[2] * face.box[3])
            return crop_face(image, largest, size)
    except ValueError as error:  # ImageError, or a crop that is none
        return " ".join(str(error).split())


def gathered(rows, names, crops, size: int, tasks: Sequence[Task]) -> ReadRows:
    """`ReadRows` of pictures that know nothing, from what `crop_or_reason` gave for each."""
    images, kept, unreadable = [], [], {}
    for place, (row, name, found) in enumerate(zip(rows, names, crops, strict=True)):
        if isinstance(found, str):
            unreadable[int(row)] = (str(name), found)
        else:
            images.append(found)
            kept.append(place)
    return ReadRows(
        np.asarray(rows, np.int64)[kept],
        np.asarray(names, str)[kept],
        np.stack(images) if images else np.zeros((0, size, size, 3), np.uint8),
        {task.name: np.ones(len(kept), bool) for task in tasks},
        unreadable,
    )


def _digest_of_names(names: np.ndarray) -> Any:
    return hashlib.sha256("\n".join(map(str, names)).encode())
