"""A prepared set as TFRecord files, for sets that are larger than memory or read from afar.

A folder holds `about.json` (columns with dtype and shape, files with their number of rows) and
the shards. It appears under its name only when it is complete.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np

from kerasface.data.prepared import COLUMN_KINDS, PreparedSet

ABOUT = "about.json"
FORMAT = 1
READ_ROWS = 1024  # rows parsed at once
COMPRESSIONS = ("", "GZIP")


def write_records(
    prepared: PreparedSet,
    folder: str | Path,
    rows_per_file: int = 4096,
    compression: str = "",
    overwrite: bool = False,
) -> list[Path]:
    """Writes a set as TFRecord files, all or nothing.

    Every row is one `tf.train.Example`: `image` (raw uint8), `subject`, `name`, and
    `labels/<task>`, `masks/<task>`, `soft/<task>`, `confidence/<task>` as lists of integers or
    floats, flat. The shapes are in `about.json`. Files are written under `<folder>.part`, which
    then gets its name.

    Args:
        prepared: what to write; labels must be integers, bools or floats of at most 32 bits.
        folder: where; must not exist, unless `overwrite`.
        rows_per_file: rows of each file but the last, at least 1.
        compression: "" or "GZIP".
        overwrite: replace a folder that is there.

    Returns:
        Paths of the shards in the order of the rows.

    Raises:
        ValueError: a bad number or compression, or a label of another dtype.
        FileExistsError: the folder is there and `overwrite` is false.

    Example:
        >>> import tempfile
        >>> from kerasface.data.synthetic import synthetic_set
        >>> faces = synthetic_set(10, size=16)
        >>> folder = Path(tempfile.mkdtemp()) / "faces"
        >>> [path.name for path in write_records(faces, folder, rows_per_file=6)]
        ['faces-00000-of-00002.tfrecord', 'faces-00001-of-00002.tfrecord']
        >>> bool((read_records(folder).images == faces.images).all())
        True
    """
    import tensorflow as tf

    if rows_per_file < 1:
        raise ValueError(f"rows_per_file must be at least 1. Received: {rows_per_file}")
    if compression not in COMPRESSIONS:
        raise ValueError(f"compression must be one of {COMPRESSIONS}. Received: {compression!r}")
    folder = Path(folder)
    if folder.exists() and not overwrite:
        raise FileExistsError(f"{folder} exists; overwrite=True replaces it")
    columns = _columns(prepared)
    starts = range(0, max(len(prepared), 1), rows_per_file)
    names = [f"faces-{i:05d}-of-{len(starts):05d}.tfrecord" for i in range(len(starts))]
    unfinished = folder.with_name(folder.name + ".part")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    files = []
    for name, start in zip(names, starts, strict=True):
        rows = range(start, min(start + rows_per_file, len(prepared)))
        with tf.io.TFRecordWriter(str(unfinished / name), compression) as writer:
            for row in rows:
                writer.write(_example(tf, columns, row))
        files.append({"name": name, "rows": len(rows)})
    about = {
        "format": FORMAT,
        "domain": prepared.domain,
        "report": list(prepared.report),
        "compression": compression,
        "columns": {
            name: {"dtype": column.dtype.name, "shape": list(column.shape[1:])}
            for name, column in columns.items()
            if column.dtype.kind != "U"
        },
        "files": files,
    }
    (unfinished / ABOUT).write_text(json.dumps(about, indent=1) + "\n")
    if folder.exists():
        shutil.rmtree(folder)
    unfinished.replace(folder)
    return [folder / name for name in names]


def stream_records(folder: str | Path):
    """Rows of a folder of records, one at a time, in the order in which they were written.

    Returns:
        A `tf.data.Dataset` of dicts: `image` `(height, width, 3)` uint8, `labels`, `masks`,
        `soft` and `confidence` (dicts by task name, with the dtypes and shapes of the set),
        `subject`, `name`.

    Raises:
        ValueError: the folder is no finished set of records, or files of it are missing.
    """
    return _batches(folder, _about(folder)).unbatch()


def read_records(folder: str | Path) -> PreparedSet:
    """Reads what `write_records` wrote.

    Raises:
        ValueError: the folder is no finished set of records; files are missing, damaged, or
            hold another number of rows than they should.
    """
    import tensorflow as tf

    about = _about(folder)
    parts: dict[str, list[np.ndarray]] = {}
    try:
        for batch in _batches(folder, about).as_numpy_iterator():
            flat = {"image": batch["image"], "subject": batch["subject"], "name": batch["name"]}
            for kind in COLUMN_KINDS:
                flat |= {f"{kind}/{name}": column for name, column in batch[kind].items()}
            for name, column in flat.items():
                parts.setdefault(name, []).append(column)
    except (tf.errors.DataLossError, tf.errors.InvalidArgumentError) as error:
        reason = str(error.message).splitlines()[0]
        raise ValueError(f"{folder}: damaged records ({reason})") from None
    expected = sum(each["rows"] for each in about["files"])
    read = sum(len(part) for part in parts.get("image", ()))
    if read != expected:
        raise ValueError(f"{folder}: {expected} rows were written. Received: {read} rows")
    whole = {name: np.concatenate(column) for name, column in parts.items()}
    for name, spec in about["columns"].items():
        whole.setdefault(name, np.zeros((0, *spec["shape"]), spec["dtype"]))
    by_kind = {
        kind: {
            name.removeprefix(f"{kind}/"): column
            for name, column in whole.items()
            if name.startswith(f"{kind}/")
        }
        for kind in COLUMN_KINDS
    }
    return PreparedSet(
        images=whole["image"],
        subjects=_texts(whole.get("subject", ())),
        names=_texts(whole.get("name", ())),
        domain=about["domain"],
        report=tuple(about["report"]),
        **by_kind,
    )


def _columns(prepared: PreparedSet) -> dict[str, np.ndarray]:
    """All columns by the name they have in a record, checked to be storable without loss."""
    columns = {"image": prepared.images}
    for kind in COLUMN_KINDS:
        columns |= {f"{kind}/{name}": each for name, each in getattr(prepared, kind).items()}
    for name, column in columns.items():
        if not (column.dtype.kind in "iub" or column.dtype in (np.float16, np.float32)):
            raise ValueError(
                f"'{name}' must be of integers, bools or floats of at most 32 bits, as records "
                f"hold no others. Received: dtype={column.dtype}"
            )
    return columns | {
        "subject": np.asarray(prepared.subjects, str),
        "name": np.asarray(prepared.names, str),
    }


def _example(tf, columns: dict[str, np.ndarray], row: int) -> bytes:
    """One row as a serialised `tf.train.Example`."""
    features = {}
    for name, column in columns.items():
        value = column[row]
        if name == "image":
            feature = tf.train.Feature(bytes_list=tf.train.BytesList(value=[value.tobytes()]))
        elif column.dtype.kind == "U":
            feature = tf.train.Feature(bytes_list=tf.train.BytesList(value=[value.encode()]))
        elif column.dtype.kind == "f":
            feature = tf.train.Feature(float_list=tf.train.FloatList(value=np.ravel(value)))
        else:
            integers = np.ravel(value).astype(np.int64)
            feature = tf.train.Feature(int64_list=tf.train.Int64List(value=integers))
        features[name] = feature
    return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()


def _about(folder: str | Path) -> dict:
    """The checked content of `about.json`."""
    folder = Path(folder)
    try:
        about = json.loads((folder / ABOUT).read_text())
        missing = [each["name"] for each in about["files"] if not (folder / each["name"]).is_file()]
        known = about["format"] == FORMAT
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{folder}: no finished set of records ({error})") from None
    if missing:
        raise ValueError(f"{folder}: {len(missing)} files are missing. Received: {missing[:3]}")
    if not known:
        raise ValueError(f"{folder}: format must be {FORMAT}. Received: {about['format']!r}")
    return about


def _batches(folder: str | Path, about: dict):
    """A `tf.data.Dataset` of parsed batches of rows, in order."""
    import tensorflow as tf

    columns = about["columns"]
    paths = [str(Path(folder) / each["name"]) for each in about["files"]]
    features = {name: tf.io.FixedLenFeature([], tf.string) for name in ("image", "subject", "name")}
    for name, spec in columns.items():
        if name != "image":
            kind = tf.float32 if spec["dtype"].startswith("float") else tf.int64
            features[name] = tf.io.FixedLenFeature(spec["shape"], kind)

    def parse(serialised):
        rows = tf.io.parse_example(serialised, features)
        pixels = tf.io.decode_raw(rows["image"], columns["image"]["dtype"])
        parsed = {"image": tf.reshape(pixels, [-1, *columns["image"]["shape"]])}
        parsed |= {"subject": rows["subject"], "name": rows["name"]}
        parsed |= {kind: {} for kind in COLUMN_KINDS}
        for name, spec in columns.items():
            kind, _, task = name.partition("/")
            if kind in COLUMN_KINDS:
                parsed[kind][task] = tf.cast(rows[name], spec["dtype"])
        return parsed

    records = tf.data.TFRecordDataset(paths, about["compression"])
    return records.batch(READ_ROWS).map(parse, num_parallel_calls=2).prefetch(2)


def _texts(column) -> np.ndarray:
    """Bytes as a column of str."""
    return np.array([text.decode() for text in column], str)
