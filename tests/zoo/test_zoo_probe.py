"""The generated input and the comparison of answers."""

from dataclasses import replace

import numpy as np
import pytest

from kerasface.zoo.entry import read_manifest
from kerasface.zoo.errors import ProbeError
from kerasface.zoo.probe import check_probe, compare, input_digest, probe_input, record_probe


def test_input_never_changes(entry):
    """Its digest is written here: a generator that changes would spoil every published probe."""
    contract = read_manifest(entry).input
    images = probe_input(contract, seed=48, count=4)
    assert images.shape == (4, 48, 48, 3) and images.dtype == np.uint8
    assert (images[3, :24, :24] == images[3, 0, 0]).all()
    digest = "2e12b53c1af64a51dfbafc8c68f0b28028e68c69a586eeb10711eb0bfb98e11f"
    assert input_digest(images) == digest


def test_differences_by_hand():
    """3 against 2 is half of 2; 0.5 against 0.25 is 0.25 of 1; a missing task is infinite."""
    expected = {"a": [[2.0, -1.0]], "b": [[0.25]], "c": [[1.0]], "d": [[1.0]]}
    received = {"a": [[3.0, -1.0]], "b": [[0.5]], "d": [[np.nan]]}
    assert compare(expected, received) == {"a": 0.5, "b": 0.25, "c": np.inf, "d": np.inf}


def test_another_network_is_told(zoo, entry, make_model):
    manifest = read_manifest(entry)
    with pytest.raises(ProbeError, match="tiny@1.0.0: the answer for 'gender' differs"):
        check_probe(make_model(seed=9), manifest)


def test_swapped_outputs_are_told(entry, make_model):
    """Weights that load without complaint into the wrong place: two classes exchanged."""
    manifest = read_manifest(entry)
    model = make_model(seed=0)
    model.load_weights(entry / "model.weights.h5")
    check_probe(model, manifest)
    head = model.heads.gender_head
    head.set_weights([weight[..., ::-1] for weight in head.get_weights()])
    with pytest.raises(ProbeError, match="gender"):
        check_probe(model, manifest)


def test_another_input_is_told(entry, make_model):
    manifest = read_manifest(entry)
    other = replace(manifest, probe=replace(manifest.probe, sha256="0" * 64))
    with pytest.raises(ProbeError, match="the probe's input came out as"):
        check_probe(make_model(), other)


def test_recorded_probe_is_its_own_answer(entry, make_model):
    manifest = read_manifest(entry)
    model = make_model(seed=5)
    probe = record_probe(model, manifest.input, seed=1, count=5)
    assert max(check_probe(model, replace(manifest, probe=probe)).values()) < 1e-5
