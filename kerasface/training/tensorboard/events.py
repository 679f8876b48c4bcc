"""Event files of a run and of its parts, written by TensorBoard's own writer on any backend."""

from __future__ import annotations

import struct
import time
from pathlib import Path

import numpy as np

# Width and height stand at bytes 16 to 24 of every PNG, in its first chunk.
PNG_SIZE = slice(16, 24)


class EventFiles:
    """Event files by the name of a run below one folder; each is opened when first written to.

    TensorFlow's own writer would do the same and would tie a run on JAX to TensorFlow.

    Args:
        folder: where the files go; run `""` is the folder itself.
    """

    def __init__(self, folder: str | Path):
        self.folder = Path(folder)
        self.writers = {}

    def scalar(self, run: str, tag: str, value: float, step: int) -> None:
        """A number of a time series."""
        from tensorboard.plugins.scalar.summary_v2 import scalar_pb

        self.summary(run, scalar_pb(tag, float(value)), step)

    def text(self, run: str, tag: str, markdown: str, step: int = 0) -> None:
        """A text in Markdown."""
        from tensorboard.plugins.text.summary_v2 import text_pb

        self.summary(run, text_pb(tag, markdown), step)

    def image(self, run: str, tag: str, png: bytes, step: int) -> None:
        """A picture, as the bytes of a PNG file."""
        from tensorboard.compat.proto.summary_pb2 import Summary
        from tensorboard.plugins.image.metadata import create_summary_metadata
        from tensorboard.util.tensor_util import make_tensor_proto

        size = [str(side).encode() for side in struct.unpack(">II", png[PNG_SIZE])]
        summary = Summary()
        summary.value.add(
            tag=tag,
            metadata=create_summary_metadata(None, None, converted_to_tensor=True),
            tensor=make_tensor_proto(np.array([*size, png], object)),
        )
        self.summary(run, summary, step)

    def graph(self, run: str, definition) -> None:
        """A TensorFlow graph, as its `GraphDef`."""
        self._add(run, graph_def=definition.SerializeToString())

    def summary(self, run: str, summary, step: int) -> None:
        """A `Summary` message of any plugin."""
        self._add(run, summary=summary, step=step)

    def _add(self, run, **content):
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        if run not in self.writers:
            self.writers[run] = EventFileWriter(str(self.folder / run))
        self.writers[run].add_event(Event(wall_time=time.time(), **content))

    def flush(self) -> None:
        """Everything so far can be read."""
        for writer in self.writers.values():
            writer.flush()

    def close(self) -> None:
        """Ends the files; writing again opens new ones beside them."""
        for writer in self.writers.values():
            writer.close()
        self.writers = {}
