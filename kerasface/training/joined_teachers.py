"""What several teachers say of the same faces, as if one had said it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np

from kerasface.data.batches import mirrored_column
from kerasface.data.prepared import PreparedSet


def join_teachers(
    taught: Sequence[PreparedSet], embeddings: Collection[str] = (), size: int | None = None
) -> PreparedSet:
    """One set with the joined outputs of several teachers, for a student of all of them.

    Logits and layers are averaged. Embeddings live in spaces of their own and cannot be: their
    unit vectors are put one behind the other, whose cosines are the means of the teachers'
    cosines, and turned into the `size` directions that keep most of these products (the largest
    eigenvectors of the set's own rows, not centred: the best there is of that rank, Eckart and
    Young 1936). Mirrored pictures are turned alike.

    Args:
        taught: the same faces with `soft` of each teacher, from `cache_teacher_flips` or
            `cache_teacher`; columns of the same names.
        embeddings: names of the columns that are embeddings, `(rows, size of the teacher)`.
        size: numbers of a joined embedding, default that of the first teacher's.

    Returns:
        The first set with the joined `soft`, float32; embeddings are of unit length.

    Raises:
        ValueError: no set, other faces or columns in one of them, logits of another size, an
            embedding that is not there, or a size of more numbers than the teachers have.
    """
    if not taught:
        raise ValueError("join_teachers needs what at least one teacher said. Received: none")
    first = taught[0]
    for other in taught[1:]:
        if not np.array_equal(other.names, first.names):
            raise ValueError("teachers must have been asked about the same faces, in one order")
        if set(other.soft) != set(first.soft):
            raise ValueError(
                f"teachers must answer alike. Received: {sorted(first.soft)}, {sorted(other.soft)}"
            )
    if missing := set(embeddings) - set(first.soft):
        raise ValueError(f"no such columns: {sorted(missing)}. There are: {sorted(first.soft)}")
    twins = {mirrored_column(name) for name in embeddings}
    joined = {}
    for name in first.soft:
        columns = [each.soft[name] for each in taught]
        if name in embeddings:
            joined |= _joined_embedding(taught, name, size)
        elif name not in twins:
            shapes = {column.shape for column in columns}
            if len(shapes) > 1:
                raise ValueError(f"{name} must have one shape. Received: {sorted(shapes)}")
            joined[name] = np.mean(columns, axis=0, dtype="float32")
    return replace(first, soft=joined)


def _joined_embedding(taught, name: str, size: int | None) -> dict[str, np.ndarray]:
    """The column and, where there is one, its twin."""
    rows = _side_by_side(taught, name)
    size = taught[0].soft[name].shape[-1] if size is None else size
    most = rows.shape[1]
    if not 1 <= size <= most:
        raise ValueError(f"{name}: the teachers have {most} numbers. Received: size={size}")
    products = rows.T.astype("float64") @ rows
    turn = np.linalg.eigh(products)[1][:, ::-1][:, :size].astype("float32")
    found = {name: _unit(rows @ turn)}
    twin = mirrored_column(name)
    if twin in taught[0].soft:
        found[twin] = _unit(_side_by_side(taught, twin) @ turn)
    return found


def _side_by_side(taught, name: str) -> np.ndarray:
    return np.concatenate([_unit(each.soft[name]) for each in taught], axis=1)


def _unit(vectors: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return (vectors / np.maximum(lengths, 1e-12)).astype("float32")
