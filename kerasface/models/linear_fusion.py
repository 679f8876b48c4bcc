"""Several networks' embeddings in one, linearly: principal components, or side by side."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np


class PcaFusion:
    """Principal components of standardised embeddings; a missing source counts as its mean.

    Args:
        sizes: length of each source's embedding, by name, in the order of the columns.
        size: components.
        mean: `(total,)`, of each number.
        scale: `(total,)`, one value a source.

    Raises:
        ImportError: scikit-learn is not installed.

    Reference:
        Vielzeuf et al. (2019), section 4.3 and table 5.
    """

    kind = "pca"

    def __init__(self, sizes: Mapping[str, int], size: int, mean, scale):
        self.sizes, self.size = dict(sizes), int(size)
        self.mean, self.scale = np.asarray(mean, "float32"), np.asarray(scale, "float32")
        self._components = _sklearn().IncrementalPCA(self.size)

    def fit(self, parts: Iterable[tuple[np.ndarray, np.ndarray | None]]) -> PcaFusion:
        """Fits on parts of `(embeddings, present)`, of which only one is in memory at a time.

        Args:
            parts: `(rows, total)` float and `(rows, sources)` bool, or None for all present.

        Raises:
            ValueError: fewer rows in all than components, or more components than numbers.
        """
        total = sum(self.sizes.values())
        if self.size > total:
            raise ValueError(
                f"there are no more components than the sources' {total} numbers. "
                f"Received: size={self.size}"
            )
        waiting, rows, seen = [], 0, 0
        for embeddings, present in parts:
            waiting.append(self._standardized(embeddings, present))
            rows, seen = rows + len(embeddings), seen + len(embeddings)
            # Of the last rows a part may be left over that is too few for a step of its own.
            if rows >= 2 * self.size:
                values = np.concatenate(waiting)
                self._components.partial_fit(values[: -self.size])
                waiting, rows = [values[-self.size :]], self.size
        if seen < self.size:
            raise ValueError(
                "PCA needs as many pictures as it has components or more; take a smaller size or "
                f"more pictures. Received: {seen} pictures, size={self.size}"
            )
        self._components.partial_fit(np.concatenate(waiting))
        return self

    def codes(self, embeddings, present=None) -> np.ndarray:
        """`(rows, size)` float32 of embeddings `(rows, total)`."""
        return self._components.transform(self._standardized(embeddings, present)).astype("float32")

    def reconstructed(self, embeddings, present=None) -> np.ndarray:
        """`(rows, total)` float32 in the sources' units."""
        values = self._components.inverse_transform(self.codes(embeddings, present))
        return (values * self.scale + self.mean).astype("float32")

    def _standardized(self, embeddings, present) -> np.ndarray:
        return standardized(embeddings, present, self.sizes, self.mean, self.scale)


class ConcatFusion:
    """The sources side by side, standardised: what fusion is compared with.

    Args:
        sizes, mean, scale: as `PcaFusion`.
    """

    kind = "concat"

    def __init__(self, sizes: Mapping[str, int], mean, scale):
        self.sizes, self.size = dict(sizes), sum(sizes.values())
        self.mean, self.scale = np.asarray(mean, "float32"), np.asarray(scale, "float32")

    def codes(self, embeddings, present=None) -> np.ndarray:
        """`(rows, total)` float32."""
        return standardized(embeddings, present, self.sizes, self.mean, self.scale)

    def reconstructed(self, embeddings, present=None) -> np.ndarray:
        """`(rows, total)` float32 in the sources' units: what was there."""
        return (self.codes(embeddings, present) * self.scale + self.mean).astype("float32")


def standardized(embeddings, present, sizes: Mapping[str, int], mean, scale) -> np.ndarray:
    """`(rows, total)` float32 of mean 0 and scale 1; 0 where a source is missing."""
    values = (np.asarray(embeddings, "float32") - mean) / scale
    if present is None:
        return values
    return np.where(np.repeat(np.asarray(present, bool), list(sizes.values()), axis=1), values, 0.0)


def _sklearn() -> Any:
    try:
        import sklearn.decomposition
    except ImportError as error:
        raise ImportError(
            f"PCA is scikit-learn's: pip install 'kerasface[fusion]' ({error})"
        ) from None
    return sklearn.decomposition
