"""Files that are there whole or not at all, also where a process is killed or several write one."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np


def unfinished(file: Path) -> Path:
    """Where this process writes a file until it is whole; of the same kind, in its folder."""
    file.parent.mkdir(parents=True, exist_ok=True)
    return file.with_name(f"{file.stem}.{os.getpid()}.part{file.suffix}")


def write_whole(file: Path, content: bytes) -> None:
    """Writes a file, and its folder."""
    unfinished(file).write_bytes(content)
    unfinished(file).replace(file)


def write_json(file: Path, content: dict) -> None:
    """Writes JSON as the runs' records are kept; results that people read are `dump_json`'s."""
    write_whole(file, f"{json.dumps(content, indent=1)}\n".encode())


def save_whole(file: Path, values: np.ndarray) -> None:
    """As `np.save`."""
    np.save(unfinished(file), values)
    unfinished(file).replace(file)
