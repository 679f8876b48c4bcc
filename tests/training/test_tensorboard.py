"""What a run leaves for TensorBoard after one epoch, read back from its event files."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

from kerasface.data import mix, synthetic_set
from kerasface.data.batches import arrays
from kerasface.models import FaceModel, build_trunk
from kerasface.tasks import Classification, Landmarks, Regression
from kerasface.training.tensorboard import TensorBoardReport
from kerasface.training.validation import ValidationRound

TASKS = (
    Classification(
        "expression", ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
    ),
    Regression("age", "years", (0, 116), bins=8, alpha=0.5),
    Classification("gender", ("male", "female")),
    Landmarks("landmarks5", 5),
)
CONFIG = {"rate": 0.25, "trunk": {"name": "small_resnet"}, "tasks": [t.name for t in TASKS * 9]}


def make_model(tasks=TASKS, rate=1e-3):
    """A compiled model with one residual block and four convolutions."""
    model = FaceModel(build_trunk("small_resnet", widths=(4,), blocks=(1,), stem=3), tasks)
    model.compile(keras.optimizers.SGD(rate))
    return model


class Strength(keras.callbacks.Callback):
    """Another callback that has something to show."""

    def on_epoch_end(self, epoch, logs=None):
        logs["adversary/strength"] = 0.75


def read(folder):
    """Runs of a folder: by tag a list of `(step, plugin, value)`, and graphs under "graph"."""
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
    from tensorboard.util.tensor_util import make_ndarray

    runs = {}
    for path in sorted(Path(folder).rglob("events.out.tfevents.*")):
        tags = runs.setdefault(str(path.parent.relative_to(folder)), {})
        for event in EventFileLoader(str(path)).Load():
            if event.graph_def:
                tags.setdefault("graph", []).append(event.graph_def)
            for value in event.summary.value:
                plugin = value.metadata.plugin_data
                content = plugin.content if plugin.plugin_name == "hparams" else None
                found = (event.step, plugin.plugin_name, content or make_ndarray(value.tensor))
                tags.setdefault(value.tag, []).append(found)
    return runs


def number(tags, tag):
    [(step, plugin, value)] = tags[tag]
    assert (step, plugin) == (1, "scalars")
    return float(value)


@pytest.fixture(scope="module")
def sets():
    return {
        "photos": synthetic_set(12, tasks=("expression", "landmarks5")),
        "drawings": synthetic_set(9, style="comic", tasks=("age", "gender")),
    }


@pytest.fixture(scope="module")
def one_epoch(sets, tmp_path_factory):
    """`(runs, history, checks)` of one epoch of two mixed batches."""
    folder = tmp_path_factory.mktemp("run")
    model = make_model(rate=keras.optimizers.schedules.ExponentialDecay(0.25, 1, 0.5))
    checks = ValidationRound(sets, grey=True, batch_size=8)
    report = TensorBoardReport(folder, checks, config=CONFIG, batch_size=8)
    history = model.fit(
        mix(sets, {"photos": 4, "drawings": 4}, TASKS),
        steps_per_epoch=2,
        verbose=0,
        callbacks=[checks, Strength(), report],
    )
    return read(folder), history.history, checks


def test_losses_metrics_and_counts_of_training(one_epoch):
    runs, history, _ = one_epoch
    for key in (k for k in history if not k.startswith("val_")):
        tag = key if key in ("loss", "adversary/strength") else key.replace("_", "/", 1)
        assert number(runs["train"], tag) == pytest.approx(history[key][0], rel=1e-6), tag
    for tag in ("expression/accuracy", "expression/loss", "age/mean_absolute_error", "loss"):
        assert tag in runs["train"]
    assert number(runs["train"], "expression/labelled") == 8
    assert number(runs["train"], "adversary/strength") == 0.75


def test_weights_rate_and_speed(one_epoch):
    runs, _, _ = one_epoch
    assert number(runs["train"], "age/alpha") == 0.5
    assert number(runs["train"], "gender/alpha") == 1.0
    # Two steps of a rate that halves.
    assert number(runs["train"], "learning_rate") == pytest.approx(0.0625)
    steps = number(runs["train"], "speed/steps_per_second")
    assert number(runs["train"], "speed/images_per_second") == pytest.approx(8 * steps, rel=1e-5)


def test_each_validation_set_is_a_run_with_the_tags_of_training(one_epoch):
    runs, history, checks = one_epoch
    assert set(runs) == {"."} | {
        f"{name}{dye}"
        for name in ("train", "validation-photos", "validation-drawings")
        for dye in ("", "_grey")
        if name + dye != "train_grey"
    }
    for name, results in checks.results.items():
        for task, figures in results.items():
            for key, value in figures.items():
                found = number(runs[f"validation-{name}"], f"{task}/{key}")
                assert found == pytest.approx(value, rel=1e-6, nan_ok=True)
    assert "age/labelled" not in runs["validation-photos"]
    shared = set(runs["train"]) & set(runs["validation-drawings"])
    assert {"age/mean_absolute_error", "gender/accuracy", "gender/labelled"} <= shared
    assert not any(tag.startswith("val_") for tags in runs.values() for tag in tags)


def test_pictures(one_epoch):
    runs, _, _ = one_epoch
    wanted = {
        "validation-photos": {"expression/confusion", "predictions"},
        "validation-drawings": {"gender/confusion", "predictions"},
    }
    for run, tags in runs.items():
        images = {tag for tag, (first, *_) in tags.items() if first[1:2] == ("images",)}
        assert images == wanted.get(run, set())
        for tag in images:
            [(step, _, (width, height, png))] = tags[tag]
            assert step == 1
            picture = Image.open(io.BytesIO(png))
            assert picture.size == (int(width), int(height)) and picture.format == "PNG"


def test_graph_of_the_model(one_epoch):
    from tensorboard.compat.proto.graph_pb2 import GraphDef

    runs, _, _ = one_epoch
    [definition] = runs["train"]["graph"]
    graph = GraphDef.FromString(definition)
    assert sum(node.op == "Conv2D" for node in graph.node) == 4
    assert any(node.name == "images" for node in graph.node)
    assert any("landmarks5_head" in node.name for node in graph.node)


def test_settings_and_versions(one_epoch):
    runs, _, _ = one_epoch
    [(_, plugin, text)] = runs["."]["configuration"]
    lines = np.ravel(text)[0].decode().splitlines()
    assert plugin == "text" and (lines[0], lines[-1]) == ("```json", "```")
    assert json.loads("\n".join(lines[1:-1])) == CONFIG
    [(_, plugin, text)] = runs["."]["versions"]
    assert plugin == "text" and f"| keras | {keras.__version__} |" in np.ravel(text)[0].decode()


def test_hparams(one_epoch):
    from tensorboard.plugins.hparams import api_pb2, metadata

    runs, _, _ = one_epoch
    content = {tag: runs["."][tag][0][2] for tag in runs["."] if tag.startswith("_hparams_")}
    experiment = metadata.parse_experiment_plugin_data(content[metadata.EXPERIMENT_TAG])
    assert {info.name.group + " " + info.name.tag for info in experiment.metric_infos} == {
        "train loss",
        "validation-photos expression/accuracy",
        "validation-photos landmarks5/mean_absolute_error",
        "validation-drawings age/mean_absolute_error",
        "validation-drawings gender/accuracy",
    }
    for info in experiment.metric_infos:
        assert info.name.tag in runs[info.name.group]
    types = {info.name: info.type for info in experiment.hparam_infos}
    assert types["rate"] == api_pb2.DATA_TYPE_FLOAT64
    assert types["trunk.name"] == api_pb2.DATA_TYPE_STRING and "tasks" not in types
    start = metadata.parse_session_start_info_plugin_data(content[metadata.SESSION_START_INFO_TAG])
    assert start.hparams["rate"].number_value == 0.25
    assert start.hparams["trunk.name"].string_value == "small_resnet"
    end = metadata.parse_session_end_info_plugin_data(content[metadata.SESSION_END_INFO_TAG])
    assert end.status == api_pb2.STATUS_SUCCESS


@pytest.mark.slow
def test_two_calls_of_fit_are_one_run(sets, tmp_path):
    """Three epochs in two calls: pictures at the first, the second of two and the last."""
    model = make_model()
    checks = ValidationRound(sets, batch_size=8)
    report = TensorBoardReport(tmp_path, checks, pictures_every=2, epochs=3)
    images, labels, weights = arrays(sets, TASKS)
    for first, last in ((0, 2), (2, 3)):
        model.fit(
            images,
            labels,
            sample_weight=weights,
            validation_data=(images, labels, weights),
            initial_epoch=first,
            epochs=last,
            steps_per_epoch=1,
            batch_size=21,
            verbose=0,
            callbacks=[checks, report],
        )
    runs = read(tmp_path)
    assert [step for step, *_ in runs["train"]["loss"]] == [1, 2, 3]
    assert [step for step, *_ in runs["validation-photos"]["predictions"]] == [1, 2, 3]
    assert [step for step, *_ in runs["validation"]["age/loss"]] == [1, 2, 3]
    assert len(runs["train"]["graph"]) == len(runs["."]["configuration"]) == 1
    assert len(runs["."]["_hparams_/session_end_info"]) == 1
    assert "speed/images_per_second" not in runs["train"]


def test_without_a_round_there_are_no_pictures_but_all_else(sets, tmp_path):
    model = make_model()
    images, labels, weights = arrays(sets, TASKS)
    model.fit(
        images,
        labels,
        sample_weight=weights,
        batch_size=21,
        verbose=0,
        callbacks=[TensorBoardReport(tmp_path)],
    )
    runs = read(tmp_path)
    assert set(runs) == {".", "train"}
    assert {"graph", "loss", "gender/accuracy", "gender/alpha"} <= set(runs["train"])


def test_a_round_that_comes_too_late_is_refused(sets, tmp_path):
    model = make_model()
    checks = ValidationRound(sets)
    images, labels, weights = arrays(sets, TASKS)
    with pytest.raises(ValueError, match="Received: epoch 0"):
        model.fit(
            images,
            labels,
            sample_weight=weights,
            verbose=0,
            callbacks=[TensorBoardReport(tmp_path, checks), checks],
        )


def test_pictures_need_a_rhythm(tmp_path):
    with pytest.raises(ValueError, match="Received: pictures_every=0"):
        TensorBoardReport(tmp_path, pictures_every=0)


JAX = """
import sys
import keras
from kerasface.data import synthetic_set
from kerasface.data.batches import arrays
from kerasface.models import FaceModel, build_trunk
from kerasface.tasks import Classification
from kerasface.training.tensorboard import TensorBoardReport
from kerasface.training.validation import ValidationRound
assert keras.backend.backend() == "jax"
faces = {"faces": synthetic_set(9, tasks=("gender",))}
trunk = build_trunk("small_resnet", widths=(4,), blocks=(1,), stem=4)
model = FaceModel(trunk, [Classification("gender", ("male", "female"))])
model.compile("sgd")
checks = ValidationRound(faces, batch_size=4)
images, labels, weights = arrays(faces, model.tasks)
model.fit(images, labels, sample_weight=weights, batch_size=9, epochs=2, verbose=0,
          callbacks=[checks, TensorBoardReport(sys.argv[1], checks, batch_size=9)])
"""


@pytest.mark.slow
def test_on_jax_all_but_the_graph_is_there(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", JAX, str(tmp_path)],
        env={**os.environ, "KERAS_BACKEND": "jax"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    runs = read(tmp_path)
    assert {"loss", "gender/labelled", "learning_rate", "speed/images_per_second"} <= set(
        runs["train"]
    )
    assert [step for step, *_ in runs["validation-faces"]["gender/accuracy"]] == [1, 2]
    assert "gender/confusion" in runs["validation-faces"] and "graph" not in runs["train"]
