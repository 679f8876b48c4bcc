"""Where a set lies and which picture files it holds."""

import os
from pathlib import Path

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp", ".gif", ".pgm", ".ppm")


def set_folder(root: str | os.PathLike, *inside: str, names: tuple[str, ...] = ()) -> Path:
    """The folder of a set: `root`, or the folder of the set's own name within it.

    Args:
        root: the set's folder or the one it was unpacked in.
        inside: entries of which at least one marks the set's folder.
        names: names under which the set's folder is looked for within `root`.

    Raises:
        FileNotFoundError: neither holds any of the marks.
    """
    root = Path(root)
    for folder in (root, *(root / name for name in names)):
        if any((folder / mark).exists() for mark in inside):
            return folder
    raise FileNotFoundError(
        f"no folder with {' or '.join(inside)} here"
        + (f" or in {' or '.join(names)}" if names else "")
        + f". Received: root={str(root)!r}"
    )


def pictures(folder: Path) -> list[str]:
    """Sorted paths of the picture files below `folder`, relative to it, in POSIX form.

    Hidden files are passed over (some archives hold `._name.jpg` twins that are no pictures).
    """
    found = []
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        start = Path(place).relative_to(folder)
        found.extend(
            (start / name).as_posix()
            for name in files
            if name.lower().endswith(SUFFIXES) and not name.startswith(".")
        )
    return sorted(found)


def subfolders(folder: Path) -> list[str]:
    """Sorted names of the folders right below `folder`, hidden ones left out."""
    return sorted(
        entry.name for entry in os.scandir(folder) if entry.is_dir() and entry.name[0] != "."
    )
