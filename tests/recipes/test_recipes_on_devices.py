"""A recipe on two devices, another on two hosts: the weights of one device, measured once.

Parts of the processor stand for devices, two processes on loopback for two hosts.
"""

import json

import numpy as np
import pytest

from kerasface.training import NonFiniteLoss
from recipes.distill_2md_mtl import train
from recipes.distill_2md_mtl.sets import smoke_set
from tests.processes import begin, free_port, printed
from tests.recipes.train_on_replicas import apart, weights

# Rounding, that grows through layers, momentum and steps: to 4.7e-5 in moving variances behind six
# layers. Statistics of one replica's own rows would be 1e-2 apart. What is closer than 1e-5 is
# tested on `Devices` themselves, in tests/training/test_devices.py.
CLOSE = 1e-4
# Of those that `train_on_replicas` knows, so that the suite stays short; it prints the others.
TRIED = ("distill_2md_mtl",)


@pytest.mark.slow
@pytest.mark.parametrize("recipe", TRIED)
def test_two_devices_train_a_recipe_as_one(recipe, tmp_path):
    found = printed(
        begin("tests.recipes.train_on_replicas", recipe, tmp_path, KERAS_BACKEND="tensorflow")
    )
    assert found
    for run, (name, gap) in found.items():
        assert gap < CLOSE, (run, name)


@pytest.mark.slow
def test_two_hosts_train_a_recipe_as_one_and_measure_once(tmp_path):
    pytest.importorskip("jax", reason="NOT TESTED: jax is not installed")
    # Compiled without optimisation: most of the time is compiling.
    quick = "--xla_backend_optimization_level=0"
    on_jax = {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu", "XLA_FLAGS": quick}
    module, port = "tests.recipes.train_on_hosts", free_port()
    pair = [begin(module, tmp_path / "two", host, port, **on_jax) for host in (0, 1)]
    single = begin(module, tmp_path / "one", **on_jax)
    try:
        one, first, second = (printed(each) for each in (single, *pair))
    finally:
        for each in (single, *pair):
            each.kill()
    assert first == second == json.loads((tmp_path / "two" / "classification.json").read_text())
    assert first["students"]["8-ours-s0"]["people"] == one["students"]["8-ours-s0"]["people"]
    for run in ("classify-teacher", "classify-8-labels-s0", "classify-8-ours-s0"):
        [one], [two] = ([*(tmp_path / n / run).glob("epoch-*.h5")] for n in ("one", "two"))
        gaps = apart(weights(one), weights(two))
        assert max(gaps.values()) < CLOSE, (run, max(gaps, key=gaps.get))
        assert json.loads((two.parent / "data.json").read_text())["train/celeba"]["rows"]


def test_rows_that_cannot_be_dealt_are_named_before_anything_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(train, "smoke_set", None)
    devices = train.Devices()
    devices.replicas = 48
    monkeypatch.setattr(train, "devices_of", lambda options: devices)
    with pytest.raises(ValueError, match="dealt to 48 devices evenly. Received: 128 rows"):
        train.main(["distill-da-2md-mtl", "--smoke", "--runs", str(tmp_path)])
    assert not list(tmp_path.iterdir())


def test_a_recipe_names_a_label_out_of_range_before_its_first_step(tmp_path, monkeypatch):
    def spoilt(folder, file):
        faces = smoke_set(folder, file)
        if file == "ck48":
            faces.labels["expression"][5] = 99
        return faces

    monkeypatch.setattr(train, "smoke_set", spoilt)
    with pytest.raises(ValueError, match=r"'expression' cannot have. Received: 99"):
        train.main(["baseline", "--smoke", "--runs", str(tmp_path)])
    assert not list(tmp_path.rglob("*.weights.h5"))


@pytest.mark.slow
def test_a_recipe_stops_at_a_loss_that_is_no_number(tmp_path):
    words = ["baseline", "--smoke", "--rate", "1e30", "--runs", str(tmp_path)]
    with pytest.raises(NonFiniteLoss, match="is not finite; its batch and the one before are in"):
        train.main(words)
    [file] = tmp_path.rglob("faults/non-finite-*.npz")
    with np.load(file) as stored:
        assert any(name.endswith("labels/expression") for name in stored.files)
