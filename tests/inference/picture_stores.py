"""The same few pictures as files, in Parquet and in TFRecord files, one of them broken."""

import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet
from PIL import Image

NAMES = ("ann", "bob", "cyd", "dan", "eve", "fay", "gus")
BROKEN = 3  # is no picture
SIZE = 16


def contents(seed=0):
    """Encoded pictures of `SIZE` pixels, and their pixels; a broken one has none."""
    chance = np.random.default_rng(seed)
    encoded, pixels = [], []
    for place in range(len(NAMES)):
        image = chance.integers(0, 256, (SIZE, SIZE, 3), np.uint8)
        file = io.BytesIO()
        Image.fromarray(image).save(file, "PNG")
        encoded.append(b"no picture" if place == BROKEN else file.getvalue())
        pixels.append(None if place == BROKEN else image)
    return encoded, pixels


def write_parquet(folder, form="bytes", split=4, row_group=2):
    """`a.parquet` of `split` rows and `b.parquet` of the others; the column is `image`."""
    folder.mkdir(parents=True, exist_ok=True)
    encoded, _ = contents()
    paths = [f"{name}.png" for name in NAMES]
    if form != "bytes":
        for path, content in zip(paths, encoded, strict=True):
            (folder / path).write_bytes(content)
    column = {
        "bytes": encoded,
        "paths": paths,
        "both": [{"bytes": c, "path": p} for c, p in zip(encoded, paths, strict=True)],
    }[form]
    table = pa.table({"who": list(NAMES), "image": column, "age": range(len(NAMES))})
    files = [folder / "a.parquet", folder / "b.parquet"]
    for file, part in zip(files, (table[:split], table[split:]), strict=True):
        parquet.write_table(part, file, row_group_size=row_group, write_page_checksum=True)
    return files


def write_tfrecords(folder, compression="", split=4, feature="image/encoded"):
    """The same as two TFRecord files."""
    import tensorflow as tf

    folder.mkdir(parents=True, exist_ok=True)
    encoded, _ = contents()
    files = [folder / f"x.tfrecord-{number:05d}-of-00002" for number in range(2)]
    for file, part in zip(files, (range(split), range(split, len(NAMES))), strict=True):
        with tf.io.TFRecordWriter(str(file), compression) as writer:
            for place in part:
                values = {feature: encoded[place], "who": NAMES[place].encode()}
                features = {
                    name: tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))
                    for name, value in values.items()
                }
                example = tf.train.Example(features=tf.train.Features(feature=features))
                writer.write(example.SerializeToString())
    return files
