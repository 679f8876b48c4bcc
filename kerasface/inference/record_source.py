"""Pictures of TFRecord files of `tf.train.Example`: their content in a feature."""

from __future__ import annotations

import gzip
import os
import struct
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from kerasface.inference.stored_source import Stored, StoredSource

FEATURE = "image/encoded"
# A record is its length (8 bytes, little-endian), a checksum (4), its bytes, a checksum (4).
HEAD, TAIL = 12, 4
GZIP = b"\x1f\x8b\x08"


class RecordSource(StoredSource):
    """Records of TFRecord files as pictures to label or to embed.

    A record is a `tf.train.Example` with one encoded picture; one that is none, or lacks the
    feature, counts as unreadable. TensorFlow checks every record's checksum. Files may be
    compressed (GZIP). A file has no index, so it is read from its beginning for every shard in
    it, past the records of others: write files of about a shard's size.

    Args:
        files: one or more.
        dataset: name of the data set.
        feature: that holds the picture, default "image/encoded".
        name_feature: that holds its name, text that is nowhere twice; None: records are called
            `<file>#<record>`.
        **kwargs: `root`, `size`, `detector`, `workers` of `StoredSource`.

    Raises:
        ValueError: no TFRecord file, or one cut short.

    Reference:
        TensorFlow, "TFRecord and tf.train.Example", TFRecords format details.
    """

    def __init__(
        self,
        files: Sequence[str | Path],
        dataset: str,
        feature: str = FEATURE,
        name_feature: str | None = None,
        **kwargs,
    ):
        self.feature, self.name_feature = feature, name_feature
        super().__init__(files, dataset, **kwargs)

    def settings(self) -> tuple:
        return self.feature, self.name_feature

    def rows_of(self, file: Path) -> int:
        """Records of a file, from one length to the next; their bytes are not read."""
        rows = place = 0
        compressed = _compression(file) == "GZIP"
        try:
            with gzip.open(file) if compressed else open(file, "rb") as opened:
                while head := opened.read(HEAD):
                    place += HEAD + TAIL + struct.unpack("<Q", head[:8])[0]
                    # Beyond the end one may seek, but the record's last byte must be there.
                    opened.seek(place - 1)
                    if not opened.read(1):
                        raise EOFError
                    rows += 1
        except (struct.error, EOFError, OverflowError, OSError, zlib.error):
            raise ValueError(
                f"{file}: no TFRecord file, or one cut short after {rows} records"
            ) from None
        if not rows:
            raise ValueError(f"{file}: no record in the file")
        return rows

    def stored(self, file: Path, start: int, stop: int) -> Iterator[Stored]:
        import tensorflow as tf

        with tf.device("CPU:0"):
            records = tf.data.TFRecordDataset(str(file), _compression(file))
            part = records.skip(start).take(stop - start).as_numpy_iterator()
        try:
            for serialised in part:
                yield self._picture(tf, serialised)
        except tf.errors.OpError as error:
            reason = str(error.message).splitlines()[0]
            raise ValueError(f"{file}: damaged records ({reason})") from None

    def _picture(self, tf, serialised: bytes) -> Stored:
        try:
            features = tf.train.Example.FromString(serialised).features.feature
        except Exception:  # protobuf's DecodeError, of a package that is not ours to import
            return "", None
        name = _content(features, self.name_feature) if self.name_feature else b""
        return name.decode("utf-8", "replace"), _content(features, self.feature) or None


def _content(features, name: str) -> bytes:
    """The first value of a feature of bytes; empty where there is none."""
    values = features[name].bytes_list.value if name in features else ()
    return values[0] if values else b""


def _compression(file: Path) -> str:
    """As TensorFlow names it, told by the file's first bytes.

    Raises:
        FileNotFoundError: there is none.
    """
    if not os.path.isfile(file):
        raise FileNotFoundError(f"no such file: {file}")
    with open(file, "rb") as opened:
        return "GZIP" if opened.read(len(GZIP)) == GZIP else ""
