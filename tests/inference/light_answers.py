"""Work for Ray that needs no network: an answer per picture, and who gave it.

It is imported by workers too, so it stands in a module.
"""

import os
import time
from pathlib import Path

import numpy as np

from kerasface.data.embedding_shards import EmbeddingRun, embedding_table
from kerasface.data.shard_folder import ShardFolder
from kerasface.inference.label_sources import SetSource
from kerasface.inference.shard_work import ShardWork


class Means:
    """Each picture's mean colour; notes its process, and waits so that a test can strike."""

    pictures = 4

    def __init__(self, notes: Path, pause=0.0, refuse=None):
        self.notes, self.pause, self.refuse = notes, pause, refuse

    def __call__(self, images):
        if self.refuse:
            raise ValueError(self.refuse)
        with (self.notes / "processes").open("a") as file:
            file.write(f"{os.getpid()} {len(images)}\n")
        time.sleep(self.pause)
        return {"embedding": images.mean(axis=(1, 2)).astype("float32")}


class Noted:
    """A callable around another, such as a labeller, that notes its process and waits."""

    def __init__(self, answer, notes: Path, pause=0.0):
        self.answer, self.notes, self.pause = answer, notes, pause
        self.pictures = answer.pictures

    def __getattr__(self, name):
        if name.startswith("__") or name == "answer":
            raise AttributeError(name)
        return getattr(self.answer, name)

    def __call__(self, images):
        with (self.notes / "processes").open("a") as file:
            file.write(f"{os.getpid()} {len(images)}\n")
        time.sleep(self.pause)
        return self.answer(images)


def processes(notes: Path) -> list[int]:
    """Who answered, in order."""
    file = notes / "processes"
    if not file.exists():
        return []
    return [int(line.split()[0]) for line in file.read_text().splitlines()]


def means_work(faces, folder, answer, rows_per_shard=4) -> ShardWork:
    """Work over a prepared set whose answers are `Means`."""
    run = EmbeddingRun(
        dataset=faces.domain,
        network="means",
        network_sha256="ab" * 32,
        layer=None,
        preprocess=None,
        size=3,
        source="cd" * 32,
        rows=len(faces),
        rows_per_shard=rows_per_shard,
        version="0",
    )
    return ShardWork(answer, SetSource(faces), ShardFolder(folder, run), embedding_table)


def means_of(faces) -> np.ndarray:
    """What is expected, by plain loops."""
    answers = [[float(face[:, :, c].mean()) for c in range(3)] for face in faces.images]
    return np.array(answers, "float32")
