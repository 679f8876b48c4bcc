"""Fusion of several embeddings: widths, loss against loops, missing sources, kinds, saving."""

import keras
import numpy as np
import pytest

from kerasface.models import EmbeddingFusion
from kerasface.models.embedding_fusion import average_size, decoder_stack, narrowing

SIZES = {"age": 3, "race": 5}


def inputs(rng, rows=6, present=None):
    embeddings = rng.normal(2.0, 3.0, (rows, 8)).astype("float32")
    whole = np.ones((rows, 2), "float32") if present is None else np.asarray(present, "float32")
    return {"embeddings": embeddings, "present": whole}


def fusion(kind="plain", **options):
    keras.utils.set_random_seed(0)
    made = EmbeddingFusion(SIZES, 4, kind, **options)
    made.standardize(np.arange(8) / 4, [2.0] * 3 + [3.0] * 5)
    return made


def test_the_papers_widths():
    assert narrowing(5488, 1024) == [3136, 1792, 1024]
    decoder = decoder_stack(1024, 5488)
    assert [layer.units for layer in decoder.layers] == [1792, 3136, 5488]
    assert average_size({"a": 100, "b": 201}) == 150 and EmbeddingFusion(SIZES).size == 4


@pytest.mark.parametrize("kind", ["plain", "denoising"])
def test_loss_is_the_squared_error_of_standardised_numbers(rng, kind):
    """Loops over rows and numbers; the second row lacks the second source, which is NaN there."""
    model, batch = fusion(kind), inputs(rng, 3, [[1, 1], [1, 0], [0, 1]])
    batch["embeddings"][1, 3:] = np.nan
    answers = model(batch, training=False)
    total = 0.0
    for row in range(3):
        for column in range(8):
            if batch["present"][row, 0 if column < 3 else 1]:
                scale = 2.0 if column < 3 else 3.0
                gap = float(answers["reconstruction"][row, column])
                total += ((gap - batch["embeddings"][row, column]) / scale) ** 2
    loss = float(model.compute_loss(batch, y_pred=answers, training=False))
    assert loss == pytest.approx(total / 3 / 8, rel=1e-4)


def test_the_divergence_by_hand(rng):
    """Mean 1 and log variance 0 in each of 4 numbers: KL = 4 / 2; 2 * 0.5 * 2 / 8 = 0.25."""
    model, batch = fusion("variational", divergence=0.5), inputs(rng)
    perfect = {
        "reconstruction": keras.ops.convert_to_tensor(batch["embeddings"]),
        "code_mean": keras.ops.ones((6, 4)),
        "log_variance": keras.ops.zeros((6, 4)),
    }
    assert float(model.compute_loss(batch, y_pred=perfect)) == pytest.approx(0.25, abs=1e-6)
    assert float(model.compute_loss(batch, y_pred=perfect, training=False)) < 1e-6


def test_a_missing_source_counts_as_its_mean(rng):
    model, batch = fusion(), inputs(rng)
    filled = batch["embeddings"].copy()
    filled[:, 3:] = np.arange(3, 8) / 4
    lacking = np.array([[1, 0]] * 6)
    batch["embeddings"][:, 3:] = np.nan
    codes = model.codes(batch["embeddings"], lacking)
    np.testing.assert_allclose(codes, model.codes(filled), atol=1e-5)


@pytest.mark.parametrize("kind", ["plain", "denoising", "variational"])
def test_training_brings_the_error_down_and_weights_come_back(rng, kind, tmp_path):
    hidden = rng.normal(size=(256, 2)).astype("float32")
    values = np.tanh(hidden @ rng.normal(size=(2, 8))).astype("float32")
    model = EmbeddingFusion(SIZES, 4, kind, missing=0.1)
    model.standardize(values.mean(0), np.full(8, values.std()))
    model.compile(keras.optimizers.Adam(0.01))
    batch = {"embeddings": values, "present": np.ones((256, 2), "float32")}
    history = model.fit(batch, epochs=30, batch_size=64, verbose=0).history["loss"]
    assert history[-1] < 0.6 * history[0]
    model.save(tmp_path / "fusion.keras")
    again = keras.saving.load_model(tmp_path / "fusion.keras")
    np.testing.assert_allclose(again.codes(values), model.codes(values), atol=1e-6)
    np.testing.assert_allclose(again.reconstructed(values), model.reconstructed(values), atol=1e-5)


def test_noise_and_missing_sources_are_for_training_only(rng):
    model, batch = fusion("denoising", noise=0.5, missing=0.5), inputs(rng)
    still = [np.asarray(model(batch, training=False)["code"]) for _ in range(2)]
    np.testing.assert_array_equal(*still)
    moved = [np.asarray(model(batch, training=True)["code"]) for _ in range(2)]
    assert (moved[0] != moved[1]).any()


def test_refusals():
    for change in (
        {"kind": "sparse"},
        {"size": 9},
        {"size": 0},
        {"noise": 1.0},
        {"missing": -0.1},
        {"divergence": 0.0},
        {"sizes": {}},
    ):
        with pytest.raises(ValueError, match="Received: "):
            EmbeddingFusion(**{"sizes": SIZES, **change})
    with pytest.raises(ValueError, match="8 finite numbers"):
        EmbeddingFusion(SIZES).standardize(np.zeros(8), np.zeros(8))
