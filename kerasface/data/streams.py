"""Sets too large for memory: decoded once to a file, read row by row, mixed as they stream.

A stream is a `tf.data.Dataset` of rows, each a dict: `image` `(height, width, 3)` uint8, `labels`,
`masks` and maybe `soft` and `confidence` (dicts by task name), and what else it likes.
`stream_records` of `kerasface.data.records` gives one of TFRecord files, `decoded` one of a
reader's table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from kerasface.data.augment import Augmentation
from kerasface.data.batches import TEACHER, composition
from kerasface.data.decode_cache import DecodeCache
from kerasface.data.mixing import MOST_SETS, concatenated, finished
from kerasface.data.prepared import encode_labels, illegal_label
from kerasface.data.table import FaceRow, FaceTable
from kerasface.tasks import Task

# Between the seeds of two passes, so that pass 1 of a set is not pass 0 of the next; a prime.
SEEDS_APART = 1_000_003


def decoded(
    table: FaceTable,
    tasks: Sequence[Task],
    crop: Callable[[np.ndarray, FaceRow], np.ndarray],
    cache: str | Path,
    workers: int = 4,
) -> tf.data.Dataset:
    """A stream of a table's rows in order, its pictures decoded once and kept in a folder.

    The first call decodes, crops and writes uncompressed pictures, a few at a time in memory;
    later calls, also of later runs, read them. A broken picture or an illegal label is a line
    in `table.report` (broken pictures in the cache's `report.txt` too) and no row, never a black
    one.

    Args:
        table: what a reader gave.
        tasks: whose labels to keep. Not landmarks: a crop moves them; use `prepare`.
        crop: from a picture `(h, w, 3)` uint8 and its row to `(height, width, 3)` uint8, one
            size for all.
        cache: folder of the decoded pictures; made if it is not there.
        workers: threads that decode.

    Returns:
        A finite `tf.data.Dataset` of rows as `stream_records` gives them.

    Raises:
        ValueError: the cache is of another table or crop, no picture could be used, or a task
            has landmarks.

    Example:

        stream = decoded(table.filter(split="train"), tasks, crop, cache="cache/celeba-train")
        batches = mix_streams({"celeba": stream}, {"celeba": 128}, tasks)
        model.fit(to_device(batches), steps_per_epoch=500, epochs=20)
    """
    tasks = tuple(tasks)
    moving = [task.name for task in tasks if task.kind == "landmarks"]
    if moving:
        raise ValueError(
            f"points move with the crop, so decoded cannot give them. Received: tasks {moving}"
        )
    kept = DecodeCache(cache, table, crop, workers)
    places = []
    for place, index in enumerate(kept.rows):
        wrong = illegal_label(tasks, table.rows[index].labels)
        if wrong:
            table.report.skip("illegal label", f"{table.name_of(index)}: {wrong}")
        else:
            places.append(place)
    rows = [table.rows[kept.rows[place]] for place in places]
    labels, masks = encode_labels(tasks, [row.labels for row in rows])
    columns = {
        "place": np.array(places, np.int64),
        "labels": labels,
        "masks": masks,
        "subject": np.array([row.subject or "" for row in rows], str),
        "name": np.array([table.name_of(kept.rows[place]) for place in places], str),
    }

    def image(place):
        return np.asarray(kept.images[place])

    def with_image(row):
        pixels = tf.numpy_function(image, [row.pop("place")], tf.uint8)
        return {"image": tf.ensure_shape(pixels, kept.images.shape[1:]), **row, "soft": {}}

    stream = tf.data.Dataset.from_tensor_slices(columns)
    return stream.map(with_image, num_parallel_calls=2, deterministic=True)


def mix_streams(
    streams: Mapping[str, tf.data.Dataset],
    per_batch: Mapping[str, int],
    tasks: Sequence[Task],
    seed: int = 0,
    augmentation: Augmentation | None = None,
    first_step: int = 0,
    shuffle: int = 4096,
    soft: bool = False,
) -> tf.data.Dataset:
    """What `kerasface.data.mix` gives, from streams of rows instead of arrays in memory.

    Composition and weights are those of `mix`, and each row of a stream comes once before any
    comes again. Rows are shuffled within a buffer only, so a stream should not be sorted, and
    `first_step` reads past rows of its first pass instead of jumping there (of all passes,
    where TensorFlow cannot tell a stream's length).

    Args:
        streams: by name, a finite `tf.data.Dataset` of rows, pictures of one size; a task that
            a stream says nothing of counts as unlabelled there.
        per_batch: rows of each stream in a batch; 0 leaves one out.
        tasks: the model's tasks; labels of others are dropped.
        seed: same seed, same batches, given the same `keras.utils.set_random_seed` or none.
        augmentation: how pictures are changed, or None.
        first_step: where to start, in batches.
        shuffle: rows of each stream that are held to choose from; 1 keeps the order.
        soft: also give the rows' outputs of a teacher, as `labels[TEACHER]`.

    Returns:
        An endless `tf.data.Dataset` of `(images, labels, sample_weight)`.

    Raises:
        ValueError: names differ between `streams` and `per_batch`, a number is out of range, a
            stream is not of such rows, or (while it is read) a label is not legal.
    """
    per_batch = composition(streams, per_batch)
    if shuffle < 1 or first_step < 0:
        raise ValueError(
            "shuffle must be 1 or more and first_step 0 or more. "
            f"Received: shuffle={shuffle}, first_step={first_step}"
        )
    tasks = tuple(tasks)
    parts = []
    for number, (name, rows) in enumerate(per_batch.items()):
        part = _completed(streams[name], name, tasks, soft)
        part = _passes(part, shuffle, seed * MOST_SETS + number, first_step * rows)
        parts.append(part.batch(rows, drop_remainder=True))

    def batch(step, parts):
        images, labels, masks = concatenated(parts)
        return finished(images, labels, masks, tasks, augmentation, tf.stack([step, seed + 7919]))

    steps = tf.data.Dataset.range(first_step, np.iinfo(np.int64).max)
    mixed = tf.data.Dataset.zip((steps, tuple(parts)))
    return mixed.map(batch, num_parallel_calls=2, deterministic=True).prefetch(4)


def to_device(batches: tf.data.Dataset, device: str | None = None) -> tf.data.Dataset:
    """The batches, each copied ahead to the device that trains; the last step of a pipeline.

    With no GPU, batches are only prefetched. The path to a GPU is TensorFlow's own
    `prefetch_to_device`; here it is tested on a CPU device only.

    Args:
        batches: any `tf.data.Dataset`.
        device: such as "/GPU:0"; by default the first GPU, if there is one.

    Returns:
        A `tf.data.Dataset` of the same batches.
    """
    if device is None and tf.config.list_logical_devices("GPU"):
        device = "/GPU:0"
    if device is None:
        return batches.prefetch(2)
    return batches.apply(tf.data.experimental.prefetch_to_device(device, buffer_size=2))


def _passes(stream: tf.data.Dataset, shuffle: int, seed: int, start: int) -> tf.data.Dataset:
    """The stream again and again from row `start` on, each pass shuffled from its own number.

    TensorFlow's own reshuffling remembers how often a data set was iterated, and `fit` may look
    at a first batch before it trains.
    """
    size = int(stream.cardinality())
    if size == 0 or (size < 0 and not any(True for _ in stream.take(1))):
        raise ValueError("a stream that is mixed must have rows. Received: an empty stream")
    done, start = divmod(start, size) if size > 0 else (0, start)
    numbers = tf.data.Dataset.range(done, np.iinfo(np.int64).max)

    def one_pass(number):
        # On the graph of this function alone. With a global seed of 0, `shuffle` asks whether
        # its own seed is 0 too, which a tensor cannot answer while the function is traced.
        tf.compat.v1.set_random_seed(SEEDS_APART)
        return stream.shuffle(
            shuffle, seed=number * SEEDS_APART + seed, reshuffle_each_iteration=False
        )

    return numbers.flat_map(one_pass).skip(start)


def _completed(stream: tf.data.Dataset, name: str, tasks: Sequence[Task], soft: bool):
    """`(image, labels, trust)` of exactly the tasks; fillers and 0 where nothing is known."""
    spec = stream.element_spec
    if not isinstance(spec, dict) or not {"image", "labels", "masks"} <= set(spec):
        raise ValueError(
            f"rows of a stream must be dicts with image, labels and masks. "
            f"Received: '{name}' of {spec}"
        )
    known = [task for task in tasks if task.name in spec["labels"]]
    missing = [task.name for task in tasks if task.name not in spec.get("soft", {})]
    if soft and missing:
        raise ValueError(f"'{name}' has no teacher's outputs for {missing}. Received: soft=True")

    def check(*values):
        for task, label, mask in zip(known, values[::2], values[1::2], strict=True):
            if mask and not task.legal(np.asarray(label)[None])[0]:
                raise ValueError(
                    f"{name}: a row has a label that '{task.name}' cannot have. "
                    f"Received: {np.asarray(label).tolist()!r}"
                )
        return np.True_

    def complete(row):
        pairs = [each for t in known for each in (row["labels"][t.name], row["masks"][t.name])]
        checked = [tf.numpy_function(check, pairs, tf.bool)] if known else []
        labels, trust = {}, {}
        for task in tasks:
            filler = tf.constant(task.filler, task.label_dtype)
            labels[task.name], trust[task.name] = filler, tf.constant(0.0)
            if task in known:
                mask = tf.cast(row["masks"][task.name], tf.bool)
                label = tf.ensure_shape(row["labels"][task.name], task.label_shape)
                labels[task.name] = tf.where(mask, tf.cast(label, filler.dtype), filler)
                counts = row.get("confidence", {}).get(task.name, tf.constant(1.0))
                trust[task.name] = tf.where(mask, tf.cast(counts, tf.float32), 0.0)
        if soft:
            labels[TEACHER] = {t.name: tf.cast(row["soft"][t.name], tf.float32) for t in tasks}
        with tf.control_dependencies(checked):
            image = tf.identity(row["image"])
        return image, labels, trust

    return stream.map(complete, num_parallel_calls=2, deterministic=True)
