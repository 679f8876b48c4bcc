"""Where pictures with answers drawn in go, so that none falls on an original or on another."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kerasface.apps.annotation import annotate
from kerasface.inference.pictures import SUFFIXES, as_picture

WRITTEN = (".jpg", ".jpeg", ".png", ".webp")


class DrawnPictures:
    """A file for one picture, else a folder with the tree of the originals.

    The folder's pictures are `a.png` for `a.jpg`; where two originals of one folder differ in
    their suffix alone, all of that folder keep theirs: `a.jpg.png`.

    Args:
        out: file or folder.
        given: files and folders that the pictures come from.

    Raises:
        ValueError: the drawn pictures would fall among the originals, or it is a file for several.
    """

    def __init__(self, out: Path, given: Sequence[str]):
        self._out, self._known = out, ("", False)
        self._folders = [os.path.realpath(path) for path in given if os.path.isdir(path)]
        files = [path for path in given if not os.path.isdir(path)]
        self._files = {os.path.realpath(path) for path in files}
        self._single = not self._folders and len(files) == 1 and not out.is_dir()
        if self._single:
            if out.suffix.lower() not in WRITTEN:
                raise ValueError(f"--out must end in .jpg, .png or .webp. Received: {out}")
        elif out.is_file():
            raise ValueError(f"several pictures go to a folder. Received: --out {out}")
        parents = [os.path.dirname(os.path.abspath(path)) for path in files]
        self._root = os.path.commonpath(
            [*(os.path.abspath(path) for path in given if os.path.isdir(path)), *parents]
        )
        if any(_is_below(os.path.realpath(out), folder) for folder in self._folders):
            raise self._refused()
        for path in files:
            self.target(path)

    def target(self, image: str) -> Path:
        """Where the drawn picture of an original goes.

        Raises:
            ValueError: there is an original, or will be.
        """
        if self._single:
            target = self._out
        else:
            path = Path(os.path.relpath(os.path.abspath(image), self._root))
            keeps = self._has_twins(os.path.dirname(os.path.abspath(image)))
            name = f"{path.name}.png" if keeps else f"{path.stem}.png"
            target = self._out / path.with_name(name)
        real = os.path.realpath(target)
        if real in self._files or any(_is_below(real, folder) for folder in self._folders):
            raise self._refused()
        return target

    def draw(self, record: dict[str, Any], pixels: Any = None) -> Path:
        """Draws a record's answers on its picture and writes it.

        Args:
            record: of `analyze`, without an error.
            pixels: of the picture, anything that `as_picture` takes; default: it is read again.
        """
        target = self.target(record["image"])
        target.parent.mkdir(parents=True, exist_ok=True)
        annotate(as_picture(record["image"] if pixels is None else pixels), record).save(target)
        return target

    def _has_twins(self, folder: str) -> bool:
        """Whether two pictures of a folder differ in their suffix alone."""
        if folder != self._known[0]:  # pictures come folder by folder
            with os.scandir(folder) as entries:
                names = [entry.name for entry in entries if entry.name.lower().endswith(SUFFIXES)]
            twins = any(count > 1 for count in Counter(Path(name).stem for name in names).values())
            self._known = folder, twins
        return self._known[1]

    def _refused(self) -> ValueError:
        return ValueError(f"--out would write over a picture. Received: {self._out}")


class DrawnFrames:
    """Frames of a video in a folder, `frame-000012.png`.

    Args:
        out: the folder.

    Raises:
        ValueError: it is a file.
    """

    def __init__(self, out: Path):
        if out.is_file() or out.suffix.lower() in WRITTEN:
            raise ValueError(f"frames go to a folder. Received: --out {out}")
        self._out = out

    def draw(self, record: dict[str, Any], pixels: Any) -> Path:
        """Draws a record's answers on its frame and writes it."""
        number = int(record["image"].rpartition("=")[2])
        target = self._out / f"frame-{number:06d}.png"
        target.parent.mkdir(parents=True, exist_ok=True)
        annotate(as_picture(pixels), record).save(target)
        return target


def _is_below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(os.path.join(folder, ""))
