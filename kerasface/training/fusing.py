"""Fitting a fusion of embeddings over shards, of which one is in memory at a time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np

from kerasface.data.source_shards import SourceShards
from kerasface.models import EmbeddingFusion
from kerasface.models.embedding_fusion import decoder_stack
from kerasface.training.run_state import RunState

BATCH, EPOCHS, RATE, DECAY = 256, 12, 1e-3, 1e-4


class ShardBatches(keras.utils.PyDataset):
    """Batches of the rows of shards, in an order of each epoch's own.

    Shards come in a shuffled order, and the rows of each are shuffled; a batch holds rows of one
    shard. The order depends on seed and epoch alone, so a resumed fit sees what an unbroken one
    would.

    Args:
        shards: of the sources.
        batch: rows of a batch.
        seed: of the order.
        epoch: to begin with.
        codes: `(rows,)` lists of codes a part, for a decoder: `(n, size)` of each part in the
            order of `shards`; None: the embeddings themselves are the inputs.
        mean, scale: `(total,)`, by which a decoder's targets are standardised.
    """

    def __init__(
        self,
        shards: SourceShards,
        batch: int = BATCH,
        seed: int = 0,
        epoch: int = 0,
        codes: Sequence[np.ndarray] | None = None,
        mean=0.0,
        scale=1.0,
    ):
        super().__init__(workers=1, use_multiprocessing=False)
        self.shards, self.batch, self.seed, self.epoch = shards, int(batch), int(seed), int(epoch)
        self.codes, self.mean, self.scale = codes, mean, scale
        self._rows = [len(part.rows) for part in shards]
        self._loaded: tuple | None = None
        self._plan = self._planned()

    def _planned(self) -> list[tuple[int, int]]:
        """Part and first row of each batch of this epoch."""
        order = np.random.default_rng([self.seed, self.epoch]).permutation(len(self._rows))
        return [
            (int(part), start) for part in order for start in range(0, self._rows[part], self.batch)
        ]

    def __len__(self) -> int:
        return len(self._plan)

    def __getitem__(self, index: int):
        part, start = self._plan[index]
        if self._loaded is None or self._loaded[0] != (part, self.epoch):
            rows = self.shards[part]
            order = np.random.default_rng([self.seed, self.epoch, part]).permutation(len(rows.rows))
            self._loaded = ((part, self.epoch), rows, order)
        _, rows, order = self._loaded
        chosen = order[start : start + self.batch]
        embeddings, present = rows.embeddings[chosen], rows.present[chosen]
        if self.codes is None:
            return ({"embeddings": embeddings, "present": present},)
        shown = np.repeat(present, list(self.shards.sizes.values()), axis=1)
        target = np.where(shown > 0, (embeddings - self.mean) / self.scale, 0.0)
        return self.codes[part][chosen], target.astype("float32")

    def on_epoch_end(self):
        """The next epoch has an order of its own."""
        self.epoch += 1
        self._plan = self._planned()


def fit_fusion(
    fusion: EmbeddingFusion,
    shards: SourceShards,
    folder: str | Path,
    epochs: int = EPOCHS,
    rate: float = RATE,
    batch: int = BATCH,
    seed: int = 0,
) -> EmbeddingFusion:
    """Standardises an autoencoder by the shards and trains it; a killed call goes on.

    Args:
        fusion: new; trained in place.
        shards: what it learns to keep.
        folder: its own, for the checkpoints.
        epochs: passes over the shards, at least 1.
        rate: highest learning rate of AdamW, falling to 0 by a cosine.
        batch: rows of a batch.
        seed: of the order.

    Returns:
        The fusion.

    Raises:
        ValueError: the shards' sources are not the fusion's, or the folder holds a run of other
            settings.
        ForeignShard, DamagedShard: as `SourceShards`.
    """
    if dict(fusion.sizes) != dict(shards.sizes):
        raise ValueError(
            "the fusion must be made for the shards' sources. "
            f"Received: {fusion.sizes} and {shards.sizes}"
        )
    config = {
        "fusion": {key: each for key, each in fusion.get_config().items() if key != "dtype"},
        "rows": shards.rows,
        "epochs": epochs,
        "rate": rate,
        "batch": batch,
        "seed": seed,
    }
    state = RunState(folder, config)
    if not state.epoch:
        fusion.standardize(*shards.moments())
    _fit(fusion, ShardBatches(shards, batch, seed, state.epoch), state, epochs, rate)
    return fusion


def fit_decoder(
    codes: Sequence[np.ndarray],
    shards: SourceShards,
    mean: np.ndarray,
    scale: np.ndarray,
    epochs: int = EPOCHS,
    rate: float = RATE,
    batch: int = BATCH,
    seed: int = 0,
) -> keras.Model:
    """Trains a decoder of the fusion's form from anybody's frozen codes to the embeddings.

    Args:
        codes: `(n, size)` of each part of the shards, in their order.
        shards: what is to be reconstructed.
        mean, scale: `(total,)`, by which it is standardised; the decoder answers in those units.
        epochs, rate, batch, seed: as `fit_fusion`.

    Returns:
        A model of codes `(batch, size)` to standardised embeddings `(batch, total)`.

    Raises:
        ValueError: other rows than the shards have.

    Reference:
        Vielzeuf et al. (2019), section 4.3: "we then trained a decoder with a similar
        architecture" on the embeddings of the networks.
    """
    rows = [len(part.rows) for part in shards]
    if [len(each) for each in codes] != rows:
        raise ValueError(
            "codes must have the rows of each part of the shards. "
            f"Received: {[len(each) for each in codes][:5]} where there are {rows[:5]}"
        )
    keras.utils.set_random_seed(seed)
    decoder = decoder_stack(codes[0].shape[1], shards.total)
    batches = ShardBatches(shards, batch, seed, 0, codes, mean, scale)
    _fit(decoder, batches, None, epochs, rate, loss="mse")
    return decoder


def _fit(model, batches: ShardBatches, state: RunState | None, epochs, rate, **compile_with):
    steps = epochs * len(batches)
    warmup = max(steps // 20, 1)
    schedule = keras.optimizers.schedules.CosineDecay(
        rate / 20, max(steps - warmup, 1), warmup_target=rate, warmup_steps=warmup
    )
    model.compile(keras.optimizers.AdamW(schedule, weight_decay=DECAY), **compile_with)
    first = state.restore(model) if state else 0
    if first < epochs:
        model.fit(
            batches,
            initial_epoch=first,
            epochs=epochs,
            # The data set has its own order.
            shuffle=False,
            callbacks=[state] if state else [],
            verbose=0,
        )
