"""P x K batches: so many people, so many pictures of each, as a function of the step."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kerasface.data.array_batches import ArrayBatches
from kerasface.data.batches import TEACHER, labelled_weights, task_columns, teacher_columns
from kerasface.data.prepared import PreparedSet
from kerasface.data.shuffled_rows import ShuffledRows
from kerasface.tasks import Task

# A person with one picture has no positive pair.
FEWEST_PICTURES = 2


class IdentityPlan:
    """Which rows make up each batch of `people` different people with `pictures` of each.

    People come in rounds, each in an order of its own, and no one twice in a round; what does
    not fill a last batch sits the round out. Each time a person comes, the pictures are the
    next of their own shuffled order. Someone with fewer than `pictures` is shown in all of
    them, some repeated; someone with a single one, or a row without a subject, is left out.

    Args:
        subjects: `(rows,)` str, empty where it is not known.
        people: people of a batch, at least 2.
        pictures: pictures of each, at least 2.
        seed: 0 or more.

    Attributes:
        codes: `(rows,)` int32 number of each row's person in the order of their names, -1 for
            rows that are left out.
        batches_per_round: batches in which nearly everyone comes once.

    Raises:
        ValueError: a number below its least, or fewer people than a batch holds.

    Example:
        >>> plan = IdentityPlan(["ann", "bob", "", "ann", "bob", "cid"], people=2, pictures=2)
        >>> plan.codes.tolist(), sorted(plan.rows(0).tolist())
        ([0, 1, -1, 0, 1, -1], [0, 1, 3, 4])
    """

    def __init__(self, subjects: Sequence[str], people: int, pictures: int, seed: int = 0):
        if people < 2 or pictures < FEWEST_PICTURES:
            raise ValueError(
                "a batch needs two people and two pictures of each, or more. "
                f"Received: people={people}, pictures={pictures}"
            )
        names, codes, counts = np.unique(
            np.asarray(subjects, str), return_inverse=True, return_counts=True
        )
        usable = (counts >= FEWEST_PICTURES) & (names != "")
        if usable.sum() < people:
            raise ValueError(
                f"only {usable.sum()} people have {FEWEST_PICTURES} pictures or more. "
                f"Received: people={people}"
            )
        self.people, self.pictures = int(people), int(pictures)
        self.codes = np.where(usable, np.cumsum(usable) - 1, -1)[codes].astype("int32")
        order = np.argsort(self.codes, kind="stable")
        ends = np.cumsum(counts[usable]) + np.sum(self.codes < 0)
        self._rows = [order[e - n : e] for e, n in zip(ends, counts[usable], strict=True)]
        self._seed = int(seed)
        self._order = ShuffledRows(len(self._rows), self._seed, 0)
        self.batches_per_round = len(self._rows) // self.people

    def rows(self, step: int) -> np.ndarray:
        """`(people * pictures,)` int64 rows of batch `step`, a person's pictures together."""
        turn, place = divmod(int(step), self.batches_per_round)
        start = turn * len(self._rows) + place * self.people
        chosen = self._order.take(start, self.people)
        return np.concatenate([self._pictures(person, turn) for person in chosen])

    def _pictures(self, person: int, visit: int) -> np.ndarray:
        rows = self._rows[person]
        times = max(len(rows) // self.pictures, 1)
        turn, place = divmod(visit, times)
        order = np.random.default_rng([self._seed, 1, person, turn]).permutation(len(rows))
        return rows[np.resize(order[place * self.pictures :], self.pictures)]


def identity_batches(
    prepared: PreparedSet,
    tasks: Sequence[Task],
    people: int = 32,
    pictures: int = 4,
    identity: str = "identity",
    seed: int = 0,
    augmentation=None,
    first_step: int = 0,
    soft: bool = False,
):
    """An endless `tf.data` set of P x K batches under the batch contract.

    Args:
        prepared: a set with subjects.
        tasks: the model's tasks, one of them named as `identity`; other labels that the set
            has come along, with their masks.
        people: people of a batch.
        pictures: pictures of each.
        identity: name of the task whose label becomes the person's number in the set.
        seed: same seed, same batches.
        augmentation: `kerasface.data.Augmentation` or None.
        first_step: where to start, in batches.
        soft: also give the cached outputs of a teacher, as `mix` does.

    Returns:
        A `tf.data.Dataset` of `(images, labels, sample_weight)` as of `mix`, with
        `people * pictures` rows.

    Raises:
        ValueError: no task is named `identity`, a label is illegal, `soft` is wanted and missing,
            or as `IdentityPlan`.

    Example:

        batches = identity_batches(celeba, [Embedding("identity", 128)], people=32, pictures=4)
        model.fit(batches, steps_per_epoch=200, epochs=10)
    """
    import tensorflow as tf

    from kerasface.data.mixing import finished

    plan, columns = _planned(prepared, tasks, people, pictures, identity, seed)
    tasks = tuple(tasks)
    with tf.device("CPU:0"):  # on the host, as in `mix`
        images = tf.constant(prepared.images)
        labels = {name: tf.constant(column) for name, (column, _) in columns.items()}
        masks = {name: tf.constant(mask) for name, (_, mask) in columns.items()}
        taught = teacher_columns(prepared, tasks) if soft else {}
        targets = {name: tf.constant(column) for name, column in taught.items()}

    def batch(step):
        rows = tf.numpy_function(plan.rows, [step], tf.int64)
        rows.set_shape([plan.people * plan.pictures])
        chosen = {name: tf.gather(column, rows) for name, column in labels.items()}
        if soft:
            chosen[TEACHER] = {name: tf.gather(each, rows) for name, each in targets.items()}
        return finished(
            tf.gather(images, rows),
            chosen,
            {name: tf.gather(mask, rows) for name, mask in masks.items()},
            tasks,
            augmentation,
            tf.stack([step, seed + 7919]),
        )

    steps = tf.data.Dataset.range(first_step, np.iinfo(np.int64).max)
    return steps.map(batch, num_parallel_calls=2, deterministic=True).prefetch(4)


def identity_arrays(
    prepared: PreparedSet,
    tasks: Sequence[Task],
    people: int = 32,
    pictures: int = 4,
    identity: str = "identity",
    seed: int = 0,
    first_step: int = 0,
    workers: int = 1,
) -> ArrayBatches:
    """The same rows as `identity_batches`, as NumPy arrays for `fit` on any backend.

    Args:
        prepared: as `identity_batches`, like all that follow.
        tasks: the model's tasks.
        people: people of a batch.
        pictures: pictures of each.
        identity: name of the task whose label becomes the person's number in the set.
        seed: same seed, same batches.
        first_step: where to start, in batches.
        workers: threads that make batches ahead.

    Returns:
        An endless `ArrayBatches` of `(images, labels, sample_weight)`.

    Raises:
        ValueError: as `identity_batches`.
    """
    plan, columns = _planned(prepared, tasks, people, pictures, identity, seed)

    def batch(step: int) -> tuple:
        rows = plan.rows(step)
        labels = {name: column[rows] for name, (column, _) in columns.items()}
        masks = {name: mask[rows] for name, (_, mask) in columns.items()}
        return prepared.images[rows], labels, labelled_weights(masks, tasks)

    return ArrayBatches(batch, first_step, workers)


def _planned(prepared, tasks, people, pictures, identity, seed):
    """The plan, and label columns and masks by task name."""
    names = [task.name for task in tasks]
    if identity not in names:
        raise ValueError(
            f"one of the tasks must be named '{identity}'. Received: tasks named {names}"
        )
    plan = IdentityPlan(prepared.subjects, people, pictures, seed)
    columns = {t.name: task_columns(prepared, t) for t in tasks if t.name != identity}
    columns[identity] = (plan.codes, plan.codes >= 0)
    return plan, columns
