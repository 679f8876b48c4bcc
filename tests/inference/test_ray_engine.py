"""Two Ray workers, one killed in the middle: every row once, as the local engine answers."""

import os
import signal
import threading
import time
from collections import Counter

import numpy as np
import pyarrow.parquet as parquet
import pytest
from PIL import Image

from kerasface.apps.main import main
from kerasface.data.embedding_shards import read_embeddings
from kerasface.data.pseudo_labels import read_labels
from kerasface.data.synthetic import synthetic_set
from kerasface.inference.label_sources import FileSource
from kerasface.inference.labeller import Labeller
from kerasface.inference.labelling import label_images
from kerasface.inference.shard_work import do_work
from tests.inference.light_answers import Means, Noted, means_of, means_work, processes
from tests.inference.picture_stores import write_parquet
from tests.models.tiny import tiny_model

PATIENCE = 600  # seconds until a busy machine counts as hung
PICTURES, ROWS = 40, 2


@pytest.fixture(scope="module")
def cluster():
    """A real cluster of two processors on this machine, without a dashboard."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    # Ray's workers give way to every other process, here to the tests that run beside these.
    os.environ.setdefault("RAY_worker_niceness", "0")
    ray = pytest.importorskip("ray", reason="NOT TESTED: ray is not installed")
    pytest.importorskip("ray.data")
    ray.init(num_cpus=2, num_gpus=0, include_dashboard=False, log_to_driver=False)
    yield ray
    ray.shutdown()


@pytest.mark.slow
def test_a_killed_worker_costs_no_row_and_doubles_none(cluster, tmp_path, rng):
    root = tmp_path / "faces"
    root.mkdir()
    for number in range(PICTURES):
        pixels = rng.integers(0, 256, (20, 20, 3), np.uint8)
        Image.fromarray(pixels).save(root / f"{number:02d}.png")
    (root / "07.png").write_bytes(b"no picture")
    source = FileSource(sorted(root.glob("*.png")), "faces", root, size=16)
    labeller = Labeller(tiny_model(seed=1), ("gender", "age"), ["plain", "flip"], batch_size=8)
    expected = label_images(labeller, source, tmp_path / "local", rows_per_shard=ROWS)
    out, died = tmp_path / "ray", []

    def strike():
        end = time.monotonic() + PATIENCE
        while len(set(processes(tmp_path))) < 2 and time.monotonic() < end:
            time.sleep(0.01)
        died.append(processes(tmp_path)[-1])
        os.kill(died[0], signal.SIGKILL)

    striker = threading.Thread(target=strike, daemon=True)
    striker.start()
    seen = []
    noted = Noted(labeller, tmp_path, pause=0.2)
    report = label_images(
        noted, source, out, rows_per_shard=ROWS, progress=seen.append, engine="ray", workers=2
    )
    striker.join(timeout=10)
    assert died and len(set(processes(tmp_path))) >= 2
    assert report == expected and (report.labels, report.unreadable) == (2 * (PICTURES - 1), 1)
    assert sum(seen) == PICTURES
    tables = [
        parquet.read_table(sorted(folder.glob("labels-*.parquet")))
        for folder in (tmp_path / "local", out)
    ]
    keys = [list(zip(t["row"].to_pylist(), t["task"].to_pylist(), strict=True)) for t in tables]
    assert keys[0] == keys[1] and set(Counter(keys[1]).values()) == {1}
    for name in ("label", "soft"):
        here, there = (np.concatenate(table[name].to_pylist()) for table in tables)
        np.testing.assert_allclose(there, here, rtol=1e-5, atol=1e-5)
    assert list(read_labels(out).unreadable) == ["07.png"]
    assert not list(out.glob("*.part"))


@pytest.mark.slow
def test_only_what_is_missing_is_made(cluster, tmp_path):
    faces = synthetic_set(12, size=16, tasks=())
    work = means_work(faces, tmp_path / "out", Means(tmp_path))
    assert do_work(work, "local") == 0
    before = len(processes(tmp_path))
    work.shards.run.file(work.shards.folder, 1).unlink()
    assert do_work(work, "ray", workers=2) == 2
    added = processes(tmp_path)[before:]
    assert len(added) == 1 and added[0] != os.getpid()
    found = read_embeddings(tmp_path / "out")
    assert found.rows.tolist() == list(range(12))
    np.testing.assert_allclose(found.values, means_of(faces), rtol=1e-5)


@pytest.mark.slow
def test_what_goes_wrong_in_a_worker_is_said_as_it_is(cluster, tmp_path):
    faces = synthetic_set(4, size=16, tasks=())
    work = means_work(faces, tmp_path / "out", Means(tmp_path, refuse="too dark. Received: 0"))
    with pytest.raises(ValueError, match="^too dark. Received: 0$"):
        do_work(work, "ray")
    with pytest.raises(ValueError, match="cluster has 2 processors and 0 GPUs.*workers=9"):
        do_work(work, "ray", workers=9)


@pytest.mark.slow
def test_the_command_line_asks_ray(cluster, tmp_path, monkeypatch, capsys, model):
    monkeypatch.setattr("kerasface.zoo.load", lambda name: model, raising=False)
    write_parquet(tmp_path / "in")
    words = ["embed", tmp_path / "in", "--rows-per-shard", 3, "--name-column", "who", "--out"]
    found = []
    for name, engine in (("here", ()), ("there", ("--engine", "ray", "--workers", 1))):
        assert main(list(map(str, [*words, tmp_path / name, *engine]))) == 0
        assert "6 embeddings of 7 pictures in 3 files (0 were" in capsys.readouterr().out
        found.append(read_embeddings(tmp_path / name))
    here, there = found
    assert there.names.tolist() == here.names.tolist() and len(there) == 6
    assert list(there.unreadable) == list(here.unreadable) == ["dan"]
    np.testing.assert_allclose(there.values, here.values, atol=1e-5)
