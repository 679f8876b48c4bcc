"""What sources have in common whose pictures lie in files that hold many."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from kerasface.data.template import SIZE
from kerasface.inference.detection import Detector, resolve_detector
from kerasface.inference.label_sources import ReadRows, crop_or_reason, gathered
from kerasface.tasks import Task

# A picture's name, and the picture: its content, its file, or None where the row has none.
Stored = tuple[str, bytes | Path | None]


class StoredSource(ABC):
    """Pictures in files of many, whose rows follow each other in the order of the files.

    A picture without a name of its own is called `<file>#<row in the file>`, the file relative to
    `root`. Only reading tells the names, so `names` is None.

    Args:
        files: one or more.
        dataset: name of the data set.
        root: names of files are relative to this folder; default the first file's.
        size: pixels of a crop's side.
        detector: as `kerasface.inference.find_faces`. None: each picture is the crop of a face.
        workers: threads that decode; a detector has one.

    Raises:
        ValueError: no file, one that is not of the form, or one outside of `root`.
        FileNotFoundError: a file is not there.
    """

    names: None = None

    def __init__(
        self,
        files: Sequence[str | Path],
        dataset: str,
        root: str | Path | None = None,
        size: int = SIZE,
        detector: str | Detector | None = None,
        workers: int = 4,
    ):
        if not files:
            raise ValueError("there must be files with pictures. Received: no file")
        self.files, self.dataset = [Path(file) for file in files], dataset
        root = self.files[0].parent if root is None else Path(root)
        self.file_names = [file.relative_to(root).as_posix() for file in self.files]
        self.detector = resolve_detector(detector)
        self.size, self.workers = int(size), int(workers) if self.detector is None else 1
        counts = [self.rows_of(file) for file in self.files]
        self.ends = np.cumsum(counts)

    @abstractmethod
    def rows_of(self, file: Path) -> int:
        """How many rows a file has, without reading its pictures."""

    @abstractmethod
    def stored(self, file: Path, start: int, stop: int) -> Iterator[Stored]:
        """Rows `start` to `stop` of a file; a name of "" is for the row to be named by its place.

        Raises:
            ValueError: the file is damaged; one line names it.
        """

    @abstractmethod
    def settings(self) -> tuple:
        """What of the reading decides which pictures these are, as JSON-safe values."""

    def __len__(self) -> int:
        return int(self.ends[-1])

    def digest(self, tasks: Sequence[Task] = ()) -> str:
        """sha256 over names, sizes and rows of the files, columns, and how faces are cut."""
        del tasks
        sizes = [file.stat().st_size for file in self.files]
        found = (self.file_names, sizes, self.ends.tolist(), self.settings())
        return hashlib.sha256(
            repr((found, self.size, self.detector is not None)).encode()
        ).hexdigest()

    def read(self, rows: np.ndarray, tasks: Sequence[Task] = ()) -> ReadRows:
        """The pictures of these rows; a broken one is a line in `unreadable`."""
        rows = np.asarray(rows, np.int64)
        names, pictures = [], []
        for name, picture in self._between(int(rows[0]), int(rows[-1]) + 1):
            names.append(name)
            pictures.append(picture)
        chosen = rows - rows[0]

        def crop(place: int) -> np.ndarray | str:
            picture = pictures[place]
            if picture is None:
                return f"{names[place]}: no picture in this row"
            found = crop_or_reason(picture, self.size, self.detector)
            if isinstance(found, str) and isinstance(picture, bytes):
                return found.replace("image bytes", names[place], 1)
            return found

        with ThreadPoolExecutor(self.workers) as pool:
            named = [names[place] for place in chosen]
            return gathered(rows, named, pool.map(crop, chosen), self.size, tasks)

    def _between(self, start: int, stop: int) -> Iterator[Stored]:
        """Rows of the source, over the borders of its files."""
        place = int(np.searchsorted(self.ends, start, side="right"))
        while start < stop:
            first = int(self.ends[place - 1]) if place else 0
            last = min(stop, int(self.ends[place]))
            found = 0
            for name, picture in self.stored(self.files[place], start - first, last - first):
                yield name or f"{self.file_names[place]}#{start - first + found}", picture
                found += 1
            if found != last - start:
                raise ValueError(
                    f"{self.files[place]} has changed since it was opened. "
                    f"Received: {found} rows where there were {last - start}"
                )
            start, place = last, place + 1
