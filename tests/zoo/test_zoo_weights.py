"""Weights files: the same bytes every time, and nothing in them but plain numbers."""

import time

import h5py
import numpy as np
import pytest

from kerasface.zoo.entry import sha256_of
from kerasface.zoo.errors import IntegrityError, PublishError
from kerasface.zoo.weights import count_parameters, write_half


def test_same_model_same_bytes(make_model, tmp_path):
    """Neither the clock, nor names that count up, nor random states are in the file."""
    digests = set()
    first = make_model(seed=3)
    for turn in range(2):
        model = first if turn == 0 else make_model(seed=4)
        model.set_weights(first.get_weights())
        model.save_weights(tmp_path / "whole.weights.h5")
        write_half(tmp_path / "whole.weights.h5", tmp_path / f"{turn}.weights.h5")
        digests.add(sha256_of(tmp_path / f"{turn}.weights.h5"))
        time.sleep(1.1 * (1 - turn))  # HDF5 would store seconds
    assert len(digests) == 1


def test_matrices_are_halved_and_load(make_model, tmp_path):
    model = make_model(seed=1)
    model.save_weights(tmp_path / "whole.weights.h5")
    write_half(tmp_path / "whole.weights.h5", tmp_path / "half.weights.h5")
    kinds = set()

    def note(name, item):
        if isinstance(item, h5py.Dataset) and "seed_generator" not in name:
            kinds.add((item.ndim > 1, item.dtype.name))

    with h5py.File(tmp_path / "half.weights.h5") as file:
        file.visititems(note)
    assert kinds == {(True, "float16"), (False, "float32")}
    assert count_parameters(tmp_path / "half.weights.h5") == model.count_params() == 1526
    other = make_model(seed=2)
    other.load_weights(tmp_path / "half.weights.h5")
    for got, wanted in zip(other.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_allclose(got, wanted, rtol=2**-11, atol=2**-25)


@pytest.mark.parametrize("bad", [np.nan, np.inf, 70_000.0])
def test_what_float16_cannot_hold_is_refused(tmp_path, bad):
    with h5py.File(tmp_path / "whole.weights.h5", "w") as file:
        file["layers/dense/vars/0"] = np.full((2, 2), bad, "float32")
    with pytest.raises(PublishError, match="layers/dense/vars/0"):
        write_half(tmp_path / "whole.weights.h5", tmp_path / "half.weights.h5")


def test_large_variances_stay_whole(tmp_path):
    with h5py.File(tmp_path / "whole.weights.h5", "w") as file:
        file["vars/0"] = np.full(2, 1e6, "float32")
    write_half(tmp_path / "whole.weights.h5", tmp_path / "half.weights.h5")
    with h5py.File(tmp_path / "half.weights.h5") as file:
        assert file["vars/0"][0] == 1e6


def spoil_external_link(file):
    file["a"] = h5py.ExternalLink("/etc/hostname", "/")


def spoil_soft_link(file):
    file["b"] = np.zeros(3, "float32")
    file["a"] = h5py.SoftLink("/b")


def spoil_second_name(file):
    file["b"] = np.zeros(3, "float32")
    file["a"] = file["b"]


def spoil_loop(file):
    group = file.create_group("a")
    group["again"] = group


def spoil_external_storage(file):
    file.create_dataset("a", (4,), "float32", external=[("elsewhere.bin", 0, 16)])


def spoil_virtual(file):
    layout = h5py.VirtualLayout((4,), "float32")
    layout[:] = h5py.VirtualSource("elsewhere.h5", "x", (4,))
    file.create_virtual_dataset("a", layout)


def spoil_size(file):
    file.create_dataset("a", (100_000, 100_000), "float32", chunks=(100, 100))


def spoil_compression(file):
    file.create_dataset("a", data=np.zeros(10_000, "float32"), compression="gzip")


def spoil_text(file):
    file["a"] = "text"


def spoil_type(file):
    file["a"] = np.dtype("float32")


@pytest.mark.parametrize(
    "spoil",
    [
        spoil_external_link, spoil_soft_link, spoil_second_name, spoil_loop,
        spoil_external_storage, spoil_virtual, spoil_size, spoil_compression, spoil_text,
        spoil_type,
    ],
)  # fmt: skip
def test_files_that_are_not_plain_are_refused(tmp_path, spoil):
    path = tmp_path / "x.weights.h5"
    with h5py.File(path, "w") as file:
        spoil(file)
    with pytest.raises(IntegrityError, match="x.weights.h5: [ab]"):
        count_parameters(path)


@pytest.mark.parametrize("document", [b"", b"\x89HDF\r\n\x1a\n", b"\x80\x04pickle", b"x" * 5000])
def test_no_hdf5(tmp_path, document):
    path = tmp_path / "x.weights.h5"
    path.write_bytes(document)
    with pytest.raises(IntegrityError, match="x.weights.h5 is no readable HDF5") as caught:
        count_parameters(path)
    assert "\n" not in str(caught.value)
