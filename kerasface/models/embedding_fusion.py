"""Several networks' embeddings of a picture in one: autoencoders, with sources that may lack."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from kerasface.export import registered

KINDS = ("plain", "denoising", "variational")
DEPTH = 3  # fully connected layers of encoder and decoder
ROWS = 4096  # that `codes` and `decoded` take at once


def average_size(sizes: Mapping[str, int]) -> int:
    """The paper's rule of thumb for the length of `h_G`: the mean length of the `h_i`, rounded.

    The paper itself takes 1024 where its six embeddings have 5488 numbers, 915 on average.
    """
    return round(sum(sizes.values()) / len(sizes))


def narrowing(total: int, size: int, depth: int = DEPTH) -> list[int]:
    """Widths after each of `depth` layers from `total` to `size`, all by the same ratio.

    Example:
        >>> narrowing(5488, 1024)
        [3136, 1792, 1024]

    Reference:
        Vielzeuf et al. (2019), section 4.3: 5488 x 3136, 3136 x 1792, 1792 x 1024, 4/7 each.
    """
    return [round(total * (size / total) ** (step / depth)) for step in range(1, depth + 1)]


def decoder_stack(size: int, total: int, name: str = "decoder") -> keras.Sequential:
    """Fully connected layers from an embedding of `size` to all sources' `total` numbers.

    The widths are those of the encoder turned round; ReLU between, none behind.
    """
    widths = [*narrowing(total, size)[-2::-1], total]
    return _stack(size, widths, name)


@registered
class EmbeddingFusion(keras.Model):
    """Autoencoder from the embeddings of several sources to one of `size` numbers and back.

    Each source is standardised: every number by its mean, the source as a whole by one scale, so
    that all count alike in the loss and none of its directions is blown up. The loss is the
    squared error over the present sources' standardised numbers, divided by all numbers there
    are. Trains with stock `compile` (without a loss) and `fit`.

    - "plain": encoder and decoder of three fully connected layers each, narrowing by one ratio.
    - "denoising": in training a share `noise` of the encoder's numbers is set to 0, the mean.
    - "variational": the code is drawn from the encoder's normal distribution in training and is
      its mean elsewhere; the loss gains `2 * divergence * KL / numbers`, which makes it the
      negative evidence bound of an observation noise of variance `divergence`. Its encoder has a
      second last layer, for the variances.

    Args:
        sizes: length of each source's embedding, by name, in the order of the columns.
        size: length of the code; None: `average_size(sizes)`.
        kind: "plain", "denoising" or "variational".
        noise: of "denoising", 0 to below 1, default 0.1.
        missing: share of present sources hidden from the encoder in training, each for itself, so
            that a code can be had where one lacks; 0 to below 1, default 0.
        divergence: of "variational", more than 0, default 0.01.

    Call arguments:
        inputs: dict of `embeddings` `(batch, total)`, the sources side by side, anything where
            one is missing, and `present` `(batch, sources)`, 0 or 1.
        training: bool.

    Returns:
        Dict of `code` `(batch, size)` and `reconstruction` `(batch, total)` in the sources' own
        units, float32; of "variational" also `log_variance`.

    Raises:
        ValueError: no source, a size below 1 or above the total, an unknown kind, or a share or
            divergence outside its range.

    Example:
        >>> fusion = EmbeddingFusion({"age": 6, "expression": 8}, size=3)
        >>> fusion.codes(np.zeros((5, 14), "float32")).shape
        (5, 3)

    Reference:
        Vielzeuf et al., "Towards a general model of knowledge for facial analysis by multi-source
        transfer learning" (2019), section 3.2, eq. 1 to 3, and 4.3. The paper states neither
        standardisation, activations, noise nor the weight of the divergence: those are ours.
        Vincent et al. (2010) for the noise, Kingma and Welling (2014) for the bound.
    """

    def __init__(
        self,
        sizes: Mapping[str, int],
        size: int | None = None,
        kind: str = "plain",
        noise: float = 0.1,
        missing: float = 0.0,
        divergence: float = 0.01,
        name: str = "fusion",
        **kwargs,
    ):
        super().__init__(name=name, **kwargs)
        self.sizes = {str(source): int(each) for source, each in sizes.items()}
        self.total = sum(self.sizes.values())
        if not self.sizes or min(self.sizes.values()) < 1:
            raise ValueError(f"there must be sources of one number or more. Received: {sizes}")
        self.size = average_size(self.sizes) if size is None else int(size)
        if kind not in KINDS or not 1 <= self.size <= self.total:
            raise ValueError(
                f"kind must be one of {KINDS}, and size from 1 to the sources' {self.total} "
                f"numbers. Received: kind={kind!r}, size={size}"
            )
        if not (0 <= noise < 1 and 0 <= missing < 1 and divergence > 0):
            raise ValueError(
                "noise and missing must be 0 to below 1, divergence above 0. "
                f"Received: noise={noise}, missing={missing}, divergence={divergence}"
            )
        self.kind, self.noise, self.missing = kind, float(noise), float(missing)
        self.divergence = float(divergence)
        self.mean = self._constant("mean", "zeros")
        self.scale = self._constant("scale", "ones")
        *hidden, _ = narrowing(self.total, self.size)
        outputs = self.size * (2 if kind == "variational" else 1)
        self.encoder = _stack(self.total, [*hidden, outputs], "encoder")
        self.decoder = decoder_stack(self.size, self.total)
        self.generator = keras.random.SeedGenerator()
        self.loss_mean = keras.metrics.Mean(name="loss_value")
        self.built = True

    def _constant(self, name: str, initializer: str):
        return self.add_weight(
            shape=(self.total,), initializer=initializer, trainable=False, name=name
        )

    def standardize(self, mean: np.ndarray, scale: np.ndarray) -> None:
        """Sets mean and scale, each `(total,)`: of each number, one scale a source.

        Raises:
            ValueError: another length, a number that is not finite, or a scale of 0 or less.
        """
        mean, scale = np.asarray(mean, "float32"), np.asarray(scale, "float32")
        fits = mean.shape == scale.shape == (self.total,)
        if (
            not fits
            or not np.isfinite(mean).all()
            or not np.isfinite(scale).all()
            or (scale <= 0).any()
        ):
            raise ValueError(
                f"mean and scale must be {self.total} finite numbers, the scale above 0. "
                f"Received: shapes {mean.shape} and {scale.shape}"
            )
        self.mean.assign(mean)
        self.scale.assign(scale)

    def call(self, inputs, training=False):
        target, seen = self._standardized(inputs)
        if training and self.missing:
            seen = seen * self._kept((ops.shape(seen)[0], len(self.sizes)), self.missing, True)
        if training and self.kind == "denoising":
            seen = seen * self._kept(ops.shape(seen), self.noise, False)
        encoded = self.encoder(target * seen, training=training)
        answers = {"code": encoded}
        if self.kind == "variational":
            code, log_variance = ops.split(encoded, 2, axis=-1)
            answers = {"code": code, "log_variance": log_variance}
            if training:
                drawn = keras.random.normal(ops.shape(code), seed=self.generator)
                answers["code"] = code + ops.exp(0.5 * log_variance) * drawn
                answers["code_mean"] = code
        decoded = self.decoder(answers["code"], training=training)
        answers["reconstruction"] = decoded * self.scale + self.mean
        return answers

    def _standardized(self, inputs):
        """Standardised numbers with 0 where a source is missing, and 1 or 0 for each number."""
        shown = self._spread(ops.cast(inputs["present"], "float32"))
        values = (ops.cast(inputs["embeddings"], "float32") - self.mean) / self.scale
        # Not by a product: what stands for a missing source may be NaN.
        return ops.where(shown > 0, values, ops.zeros_like(values)), shown

    def _spread(self, by_source):
        """`(batch, sources)` as `(batch, total)`."""
        columns = np.repeat(np.eye(len(self.sizes), dtype="float32"), list(self.sizes.values()), 1)
        return ops.matmul(by_source, ops.convert_to_tensor(columns))

    def _kept(self, shape, share: float, by_source: bool):
        drawn = keras.random.uniform(shape, seed=self.generator)
        kept = ops.cast(drawn >= share, "float32")
        return self._spread(kept) if by_source else kept

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """Mean over the batch of the squared error, see the class."""
        target, shown = self._standardized(x)
        decoded = (y_pred["reconstruction"] - self.mean) / self.scale
        loss = ops.mean(ops.sum(shown * ops.square(decoded - target), axis=-1)) / self.total
        if self.kind == "variational" and training:
            mean, log_variance = y_pred["code_mean"], y_pred["log_variance"]
            terms = ops.exp(log_variance) + ops.square(mean) - 1.0 - log_variance
            divergence = 0.5 * ops.mean(ops.sum(terms, axis=-1))
            loss = loss + 2.0 * self.divergence * divergence / self.total
        return loss

    def codes(self, embeddings: np.ndarray, present: np.ndarray | None = None) -> np.ndarray:
        """`(rows, size)` float32 of embeddings `(rows, total)`; all present unless told."""
        return self._by_parts("code", embeddings, present)

    def reconstructed(self, embeddings: np.ndarray, present=None) -> np.ndarray:
        """`(rows, total)` float32 in the sources' units, from the codes of embeddings."""
        return self._by_parts("reconstruction", embeddings, present)

    def _by_parts(self, name: str, embeddings, present) -> np.ndarray:
        embeddings = np.asarray(embeddings, "float32")
        if present is None:
            present = np.ones((len(embeddings), len(self.sizes)), "float32")
        parts = []
        for start in range(0, len(embeddings), ROWS):
            part = slice(start, start + ROWS)
            inputs = {"embeddings": embeddings[part], "present": np.asarray(present[part])}
            parts.append(np.asarray(self(inputs, training=False)[name]))
        width = self.size if name == "code" else self.total
        return np.concatenate(parts) if parts else np.zeros((0, width), "float32")

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "sizes": self.sizes,
            "size": self.size,
            "kind": self.kind,
            "noise": self.noise,
            "missing": self.missing,
            "divergence": self.divergence,
        }


def _stack(inputs: int, widths: list[int], name: str) -> keras.Sequential:
    last = len(widths) - 1
    dense = [
        layers.Dense(width, activation=None if place == last else "relu")
        for place, width in enumerate(widths)
    ]
    return keras.Sequential([keras.Input((inputs,)), *dense], name=name)
