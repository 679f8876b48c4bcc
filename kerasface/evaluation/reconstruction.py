"""How well embeddings were reconstructed: error over spread, source by source."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np


def normalized_rmse(embeddings, reconstructed, sizes: Mapping[str, int], present=None) -> dict:
    """Root mean squared error over the standard deviation, for each source.

    `sqrt(sum (h~ - h)^2 / sum (h - mean h)^2)` over the rows and numbers of a source, the mean
    taken for each number over the rows that are measured. To answer the mean gives 1, a draw from
    the same distribution that knows nothing of the picture sqrt(2), on average.

    Args:
        embeddings: `(rows, total)`, the sources side by side.
        reconstructed: the same.
        sizes: length of each source, by name, in the order of the columns.
        present: `(rows, sources)` bool, which are measured; None: all.

    Returns:
        By source, and their mean as `average`. A source that does not vary at all is NaN.

    Raises:
        ValueError: shapes that do not fit, a source with no present row, or numbers that are not
            finite where they are measured.

    Example:
        >>> normalized_rmse([[0.0], [2.0]], [[1.0], [1.0]], {"age": 1})
        {'age': 1.0, 'average': 1.0}

    Reference:
        Vielzeuf et al. (2019), table 5, "normalized RMSE"; the paper gives no formula, but says
        that random embeddings of the range of the targets have 1.4.
    """
    errors = normalized_errors(embeddings, reconstructed, sizes, present)
    found = {}
    for source, each in zip(sizes, errors.T, strict=True):
        known = each[np.isfinite(each)]
        found[source] = float(np.sqrt(known.mean())) if len(known) else float("nan")
    return {**found, "average": float(np.mean(list(found.values())))}


def normalized_errors(embeddings, reconstructed, sizes: Mapping[str, int], present=None):
    """Each picture's squared error over the variance, for each source.

    Args: as `normalized_rmse`, which is the root of their mean over the pictures.

    Returns:
        `(rows, sources)` float64; NaN where a source is missing or does not vary. To compare two
        ways to a code, give the differences to `mean_with_interval`.

    Raises:
        ValueError: as `normalized_rmse`.
    """
    true, found = np.asarray(embeddings, "float64"), np.asarray(reconstructed, "float64")
    total = sum(sizes.values())
    shape = (len(true), len(sizes))
    present = np.ones(shape, bool) if present is None else np.asarray(present, bool)
    if true.shape != found.shape or true.shape != (len(true), total) or present.shape != shape:
        raise ValueError(
            f"embeddings and reconstructions must be (rows, {total}), present (rows, {len(sizes)})."
            f" Received: shapes {true.shape}, {found.shape} and {present.shape}"
        )
    errors, start = np.full(shape, np.nan), 0
    for place, (source, size) in enumerate(sizes.items()):
        rows = present[:, place]
        h, back = (each[rows, start : start + size] for each in (true, found))
        start += size
        if not rows.any() or not np.isfinite(h).all() or not np.isfinite(back).all():
            raise ValueError(
                "a source that is measured has rows, and finite numbers. "
                f"Received: {rows.sum()} rows of {source!r}"
            )
        spread = ((h - h.mean(axis=0)) ** 2).sum() / len(h)
        if spread > 0:
            errors[rows, place] = ((back - h) ** 2).sum(axis=1) / spread
    return errors
