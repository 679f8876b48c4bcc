"""`DomainProbe`: what it logs, when, and what it leaves for TensorBoard's projector."""

import json
import threading
from dataclasses import replace

import keras
import numpy as np
import pytest

from kerasface.data import synthetic_set
from kerasface.data.batches import arrays
from kerasface.evaluation import probe_domains
from kerasface.models import FaceModel, build_trunk
from kerasface.tasks import Classification
from kerasface.training import DomainProbe, RunState
from kerasface.training.tensorboard import TensorBoardReport
from kerasface.training.tensorboard.projector import write_projector

GENDER = Classification("gender", ("male", "female"))


def make_model():
    keras.utils.set_random_seed(0)
    trunk = build_trunk("small_resnet", input_shape=(16, 16, 3), widths=(6,), blocks=(1,), stem=4)
    return FaceModel(trunk, [GENDER])


@pytest.fixture(scope="module")
def sets():
    return {
        "photo": synthetic_set(30, size=16, seed=1, tasks=("gender",)),
        "comic": synthetic_set(26, style="comic", size=16, seed=2, tasks=("age",)),
    }


@pytest.fixture(scope="module")
def run(sets, tmp_path_factory):
    """`(history, probe, folder, model)` of three epochs, probed in the second and the third."""
    folder, model = tmp_path_factory.mktemp("run"), make_model()
    model.compile("sgd")
    probe = DomainProbe(sets, every=2, rows=20, projector=folder / "events", batch_size=16)
    images, labels, weights = arrays({"photo": sets["photo"]}, model.tasks)
    events = TensorBoardReport(folder / "events", config={})
    history = model.fit(
        images,
        labels,
        sample_weight=weights,
        batch_size=30,
        epochs=3,
        callbacks=[probe, RunState(folder, {}), events],
        verbose=0,
    )
    return history.history, probe, folder, model


def test_it_is_logged_every_second_epoch_and_at_the_end(run):
    history, probe, folder, _ = run
    lines = [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]
    entries = {"probe/balanced_accuracy", "probe/photo", "probe/comic"}
    assert [entries <= set(line) for line in lines] == [False, True, True]
    assert len(history["probe/balanced_accuracy"]) == 2 and probe.measured == 3
    assert lines[-1]["probe/balanced_accuracy"] == probe.result.balanced_accuracy
    recalls = [lines[-1]["probe/photo"], lines[-1]["probe/comic"]]
    assert np.mean(recalls) == pytest.approx(lines[-1]["probe/balanced_accuracy"])


def test_it_is_a_scalar_in_the_event_files(run):
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
    from tensorboard.util.tensor_util import make_ndarray

    _, probe, folder, _ = run
    found = {}
    for path in (folder / "events" / "train").glob("events.out.tfevents.*"):
        for event in EventFileLoader(str(path)).Load():
            for value in event.summary.value:
                if value.tag.startswith("probe/"):
                    found[value.tag, event.step] = float(make_ndarray(value.tensor))
    assert set(found) == {
        (f"probe/{name}", step)
        for name in ("balanced_accuracy", "photo", "comic")
        for step in (2, 3)
    }
    last = found["probe/balanced_accuracy", 3]
    assert last == pytest.approx(probe.result.balanced_accuracy, rel=1e-6)


def test_the_features_are_those_of_the_trunk_outside_of_training(run, sets):
    """Rows and result again from outside: the model's own features, the same folds."""
    _, probe, _, model = run
    features, subjects = {}, {}
    for name, each in probe.sets.items():
        assert len(each) == 20 and set(each.names) <= set(sets[name].names)
        features[name] = np.array(model.features(each.images, training=False))
        np.testing.assert_allclose(probe.features(each.images), features[name], atol=1e-5)
        subjects[name] = each.subjects
    expected = probe_domains(features, subjects)
    # A graph's rounding may move a row that lies on the border.
    assert probe.result.balanced_accuracy == pytest.approx(expected.balanced_accuracy, abs=0.051)


def test_the_projector_serves_vectors_with_their_domain(run):
    """Through TensorBoard's own plugin: its list of runs, its configuration, its two tables."""
    from tensorboard.backend.event_processing import data_provider, plugin_event_multiplexer
    from tensorboard.plugins.base_plugin import TBContext
    from tensorboard.plugins.projector import projector_plugin
    from werkzeug.test import Client

    _, probe, folder, _ = run
    multiplexer = plugin_event_multiplexer.EventMultiplexer()
    multiplexer.AddRunsFromDirectory(str(folder / "events"))
    multiplexer.Reload()
    provider = data_provider.MultiplexerDataProvider(multiplexer, str(folder / "events"))
    context = TBContext(logdir=str(folder / "events"), data_provider=provider)
    plugin = projector_plugin.ProjectorPlugin(context)
    plugin.is_active()
    for thread in threading.enumerate():
        if thread.name == "ProjectorPluginIsActiveThread":
            thread.join()
    assert plugin.is_active()
    clients = {route: Client(app) for route, app in plugin.get_plugin_apps().items()}
    [name] = json.loads(clients["/runs"].get("/").text)
    [tensor] = json.loads(clients["/info"].get(f"/?run={name}").text)["embeddings"]
    assert tensor["tensorName"] == "features" and tensor["tensorShape"] == [40, 6]
    query = f"/?run={name}&name=features"
    vectors = np.frombuffer(clients["/tensor"].get(query).data, "float32").reshape(40, 6)
    photos = probe.features(probe.sets["photo"].images)
    np.testing.assert_allclose(vectors[:20], photos, rtol=1e-4, atol=1e-5)
    lines = clients["/metadata"].get(query).text.splitlines()
    assert lines[0].split("\t") == ["domain", "row", "gender"] and len(lines) == 41
    assert lines[1].split("\t")[:2] == ["photo", "0"]
    assert lines[40].split("\t") == ["comic", "19", "unknown"]
    genders = [line.split("\t")[2] for line in lines[1:21]]
    assert genders == [GENDER.classes[label] for label in probe.sets["photo"].labels["gender"]]


def test_no_picture_is_written(run):
    _, _, folder, _ = run
    files = sorted(path.name for path in (folder / "events").rglob("*") if path.is_file())
    assert [name for name in files if "tfevents" not in name] == [
        "features-metadata.tsv",
        "features.tsv",
        "projector_config.pbtxt",
    ]


def test_grey_takes_the_colour_away_before_it_looks():
    """Faces of other people in grey and in red light of the same brightness."""
    faces = [synthetic_set(60, size=16, seed=seed, tasks=("gender",)) for seed in (3, 4)]
    grey = [np.rint(each.images @ [0.299, 0.587, 0.114]) / 4 for each in faces]
    plain = np.repeat(grey[0][..., None], 3, -1)
    red = np.stack([grey[1] / 0.299, 0 * grey[1], 0 * grey[1]], -1)
    sets = {
        name: replace(each, images=np.rint(images).astype("uint8"))
        for name, each, images in (("plain", faces[0], plain), ("red", faces[1], red))
    }
    model = make_model()
    coloured = DomainProbe(sets, model=model, batch_size=60).measure()
    without = DomainProbe(sets, model=model, batch_size=60, grey=True).measure()
    assert coloured.balanced_accuracy > 0.95
    assert without.balanced_accuracy < 0.75


def test_what_cannot_be_probed_is_refused(sets):
    with pytest.raises(ValueError, match="Received: sets=.'photo'."):
        DomainProbe({"photo": sets["photo"]})
    with pytest.raises(ValueError, match="every=0"):
        DomainProbe(sets, every=0)
    with pytest.raises(ValueError, match="Received: .'comic': 3., 5 folds"):
        DomainProbe({**sets, "comic": sets["comic"].take([0, 1, 2])})
    with pytest.raises(ValueError, match="Received: Sequential"):
        DomainProbe(sets, model=keras.Sequential())


def test_columns_and_vectors_must_fit(tmp_path):
    vectors = np.ones((3, 2))
    with pytest.raises(ValueError, match="two columns or more"):
        write_projector(tmp_path, "x", vectors, {"domain": "abc"})
    with pytest.raises(ValueError, match="Received: .'a': 3, 'b': 2."):
        write_projector(tmp_path, "x", vectors, {"a": "abc", "b": "ab"})
    with pytest.raises(ValueError, match="two numbers or more"):
        write_projector(tmp_path, "x", vectors[:, :1], {"a": "abc", "b": "abc"})
    write_projector(tmp_path, "x", vectors, {"a": ["one\ttwo", "3\n4", "5"], "b": range(3)})
    table = tmp_path / "projector" / "x-metadata.tsv"
    assert table.read_text() == "a\tb\none two\t0\n3 4\t1\n5\t2\n"
    write_projector(tmp_path, "y", vectors, {"a": "abc", "b": "abc"})
    write_projector(tmp_path, "x", vectors[:2], {"a": "ab", "b": "ab"})
    config = (tmp_path / "projector_config.pbtxt").read_text()
    assert config.count("tensor_name") == 2 and str(tmp_path) not in config
    assert table.read_text() == "a\tb\na\ta\nb\tb\n"
