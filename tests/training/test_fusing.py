"""Fusion over shards: parts that fit, moments in one pass, orders that resume, what is refused."""

import keras
import numpy as np
import pytest

from kerasface.data import EmbeddingRun, ForeignShard, ShardFolder, SourceShards
from kerasface.data.embedding_shards import embedding_table
from kerasface.evaluation import normalized_rmse
from kerasface.inference.label_sources import ReadRows
from kerasface.models import EmbeddingFusion
from kerasface.training import fit_decoder, fit_fusion
from kerasface.training.fusing import ShardBatches

ROWS, PER_SHARD = 50, 20


def write(folder, values, network="a", source="pictures", lost=()):
    """A finished folder of embeddings, without the rows in `lost`."""
    run = EmbeddingRun(
        *("set", network, network * 8, None, None, values.shape[1], source),
        *(len(values), PER_SHARD, "0"),
    )
    shards = ShardFolder(folder, run)
    for number in range(run.shards):
        rows = np.array([row for row in run.part(number) if row not in lost], np.int64)
        names = np.array([f"{row}.png" for row in rows])
        found = ReadRows(rows, names, None, {}, {})
        shards.write_tables(number, embedding_table(run, found, {"embedding": values[rows]}))
    return folder


@pytest.fixture(scope="module")
def known(tmp_path_factory):
    """Two sources that both see the same two hidden numbers; row 7 lacks the second."""
    root = tmp_path_factory.mktemp("embeddings")
    rng = np.random.default_rng(0)
    hidden = rng.normal(size=(ROWS, 2))
    one = (hidden @ rng.normal(size=(2, 6)) * 3 + 5).astype("float32")
    other = (hidden @ rng.normal(size=(2, 4)) * 0.1).astype("float32")
    folders = {
        "one": write(root / "one", one),
        "other": write(root / "other", other, "b", lost=(7,)),
    }
    return folders, one, other


def test_parts_are_the_rows_of_all_sources(known):
    folders, one, other = known
    shards = SourceShards([folders])
    assert shards.sizes == {"one": 6, "other": 4} and len(shards) == 3 and shards.rows == ROWS
    part = shards[2]
    np.testing.assert_array_equal(part.rows, range(40, 50))
    np.testing.assert_array_equal(part.embeddings, np.concatenate([one, other], 1)[40:])
    first = shards[0]
    assert first.present[7].tolist() == [1, 0] and first.names[7] == "7.png"
    assert not first.embeddings[7, 6:].any()
    twice = SourceShards([folders, folders])
    assert len(twice) == 6 and len(twice.read().rows) == 2 * ROWS


def test_moments_in_one_pass_are_those_of_all_present_rows(known):
    folders, one, other = known
    mean, scale = SourceShards([folders]).moments()
    there = np.delete(other, 7, axis=0)
    np.testing.assert_allclose(mean, [*one.mean(0), *there.mean(0)], rtol=1e-4, atol=1e-6)
    spread = [np.sqrt(one.var(0).mean())] * 6 + [np.sqrt(there.var(0).mean())] * 4
    np.testing.assert_allclose(scale, spread, rtol=1e-4)


def test_an_epoch_has_every_row_once_and_the_next_another_order(known):
    batches = ShardBatches(SourceShards([known[0]]), batch=8, seed=3)

    def epoch():
        return np.concatenate([batches[n][0]["embeddings"][:, 0] for n in range(len(batches))])

    first = epoch()
    batches.on_epoch_end()
    second = epoch()
    np.testing.assert_array_equal(np.sort(first), np.sort(known[1][:, 0]))
    np.testing.assert_array_equal(np.sort(first), np.sort(second))
    assert (first != second).any()
    resumed = ShardBatches(SourceShards([known[0]]), batch=8, seed=3, epoch=1)
    again = [resumed[n][0]["embeddings"][:, 0] for n in range(len(resumed))]
    np.testing.assert_array_equal(second, np.concatenate(again))


def test_two_numbers_are_enough_for_what_has_two_and_a_stopped_fit_goes_on(known, tmp_path):
    shards = SourceShards([known[0]])

    def fit(folder, epochs):
        keras.utils.set_random_seed(0)
        fusion = EmbeddingFusion(shards.sizes, size=2)
        return fit_fusion(fusion, shards, folder, epochs, rate=0.02, batch=16)

    fusion = fit(tmp_path / "whole", 30)
    rows = shards.read()
    back = fusion.reconstructed(rows.embeddings, rows.present)
    errors = normalized_rmse(rows.embeddings, back, shards.sizes, rows.present > 0)
    assert errors["average"] < 0.7, errors
    weights = fusion.get_weights()
    for one, other in zip(weights, fit(tmp_path / "whole", 30).get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)  # finished: nothing more is learnt
    with pytest.raises(ValueError, match="other settings"):
        fit(tmp_path / "whole", 31)
    codes = [fusion.codes(part.embeddings, part.present) for part in shards]
    mean, scale = (np.asarray(each) for each in (fusion.mean, fusion.scale))
    decoder = fit_decoder(codes, shards, mean, scale, epochs=30, rate=0.02, batch=16)
    back = np.asarray(decoder(np.concatenate(codes))) * scale + mean
    errors = normalized_rmse(rows.embeddings, back, shards.sizes, rows.present > 0)
    assert errors["average"] < 0.8, errors
    with pytest.raises(ValueError, match="codes must have the rows"):
        fit_decoder(codes[:2], shards, mean, scale)


def test_folders_that_do_not_belong_together_are_refused(known, tmp_path):
    folders, one, _ = known
    foreign = write(tmp_path / "foreign", one, source="other pictures")
    with pytest.raises(ForeignShard, match="of other pictures"):
        SourceShards([{"one": folders["one"], "other": foreign}])
    with pytest.raises(ForeignShard, match="another network"):
        SourceShards([folders, {"one": folders["other"], "other": folders["other"]}])
    with pytest.raises(ValueError, match="same sources"):
        SourceShards([folders, {"one": folders["one"]}])
    with pytest.raises(ValueError, match="must be made for the shards' sources"):
        fit_fusion(EmbeddingFusion({"one": 6}), SourceShards([folders]), tmp_path / "run")
    cut = write(tmp_path / "cut", one)
    next(cut.glob("embeddings-00001*")).unlink()
    with pytest.raises(ValueError, match="1 of 3 shards missing"):
        SourceShards([{"one": cut}])
