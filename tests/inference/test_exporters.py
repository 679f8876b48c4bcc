"""What cannot be exported is refused in one line, and int8 is calibrated on what was asked for."""

import os
import subprocess
import sys

import keras
import numpy as np
import pytest
from PIL import Image

from kerasface.data.synthetic import synthetic_set
from kerasface.inference import RuntimeModel, calibration_faces, export_model
from kerasface.inference.exporters import check_format
from kerasface.models import FaceModel, build_trunk
from kerasface.tasks import Classification
from tests.inference.exported_files import need

SMILE = Classification("smile", ("no", "yes"))
SIZE = (48, 48, 3)


@pytest.mark.parametrize(
    ("format", "precision", "message"),
    [
        ("tflite", "float32", "no format of that name; near: .*litert.*Received: 'tflite'"),
        ("onnx", "float16", "onnx is written in float32, int8. Received: 'float16'"),
        ("saved_model", "int8", "saved_model is written in float32. Received"),
    ],
)
def test_no_such_file(format, precision, message):
    with pytest.raises(ValueError, match=message):
        check_format(format, precision)


def test_what_cannot_be_exported(model, make_face_model, tmp_path):
    def refused(message, model=model, path="x.tflite", format="litert", *more):
        with pytest.raises(ValueError, match=message):
            export_model(model, tmp_path / path, format, *more)
        assert not (tmp_path / path).exists()

    refused(r"litert files end in '.tflite'. Received: .*x.onnx", path="x.onnx")
    refused("'images' is the input's name", make_face_model(Classification("images", ("a", "b"))))
    anywhere = FaceModel(build_trunk("small_resnet", input_shape=(None, None, 3)), [SMILE])
    refused("reads pictures of one size", anywhere)
    refused("int8 needs faces, uint8", model, "x.tflite", "litert", "int8")
    faces = np.zeros((2, 32, 32, 3), np.uint8)
    refused("Received: uint8 of shape", model, "x.tflite", "litert", "int8", faces)
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        half = make_face_model(SMILE)
    finally:
        keras.config.set_dtype_policy(before)
    refused("Received: a trunk that computes in bfloat16", half)


@pytest.mark.slow
def test_trunk_that_onnx_cannot_hold(tmp_path):
    """keras.applications' EfficientNets normalise with constants: tf2onnx makes inputs of them."""
    need("onnx")
    faces = keras.Input((16, 16, 3))
    normalized = keras.layers.Normalization()(faces)
    features = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(4, 3)(normalized))
    model = FaceModel(keras.Model(faces, features), [SMILE])
    with pytest.raises(ValueError, match="LiteRT and OpenVINO can. Received: .*normalization"):
        export_model(model, tmp_path / "x.onnx", "onnx")
    assert not (tmp_path / "x.onnx").exists()
    need("litert")
    [path] = export_model(model, tmp_path / "x.tflite", "litert")
    size = {"height": 16, "width": 16, "channels": 3}
    spec = {"trunk": {"name": "one of a caller"}, "tasks": [SMILE.get_config()], "input": size}
    images = np.random.default_rng(0).integers(0, 256, (2, 16, 16, 3), np.uint8)
    received = RuntimeModel.from_file(path, spec)(images)["smile"]
    np.testing.assert_allclose(received, np.asarray(model(images)["smile"]), atol=1e-4)


@pytest.mark.parametrize("format", ["onnx", "openvino"])
def test_missing_package_is_one_line(model, tmp_path, monkeypatch, format):
    for package in ("tf2onnx", "onnx", "openvino"):
        monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError, match=rf"pip install 'kerasface\[{format}\]'"):
        export_model(model, tmp_path / f"x{check_format(format, 'float32').suffix}", format)


@pytest.mark.slow
def test_on_jax_it_is_refused(tmp_path):
    pytest.importorskip("jax")
    code = (
        "import sys\n"
        "from kerasface.inference import export_model\n"
        "from kerasface.models import FaceModel, build_trunk\n"
        "from kerasface.tasks import Classification\n"
        "model = FaceModel(build_trunk('small_resnet', widths=(4, 4, 4)),\n"
        "                  [Classification('smile', ('no', 'yes'))])\n"
        "try:\n"
        "    export_model(model, sys.argv[1], 'litert')\n"
        "except ValueError as error:\n"
        "    print(error)\n"
    )
    words = [sys.executable, "-c", code, str(tmp_path / "x.tflite")]
    environment = {**os.environ, "KERAS_BACKEND": "jax"}
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    assert "set KERAS_BACKEND=tensorflow. Received: jax" in done.stdout, done.stderr


def test_calibration_on_drawn_faces_says_so():
    faces, words = calibration_faces(None, SIZE, count=6)
    assert words == "6 drawn faces"
    np.testing.assert_array_equal(faces, synthetic_set(6, size=48, tasks=()).images)


def test_calibration_on_prepared_sets(tmp_path):
    """Rows 0, 2 and 5 are an even choice of 3 of 8: 0, 8/3 and 16/3, rounded down."""
    first, second = synthetic_set(8, size=48, seed=1, tasks=()), synthetic_set(8, size=48, tasks=())
    first.save(tmp_path / "a.npz")
    second.save(tmp_path / "b.npz")
    paths = [tmp_path / "a.npz", str(tmp_path / "b.npz")]
    faces, words = calibration_faces(paths, SIZE, count=6)
    wanted = np.concatenate([first.images[[0, 2, 5]], second.images[[0, 2, 5]]])
    np.testing.assert_array_equal(faces, wanted)
    assert words == "6 faces: 3 of a.npz, 3 of b.npz"
    assert len(calibration_faces(tmp_path / "a.npz", SIZE, count=100)[0]) == 8


def test_calibration_on_a_folder(tmp_path, rng):
    for name in ("deep/b.png", "a.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (60, 50, 3), np.uint8)).save(tmp_path / name)
    (tmp_path / "broken.png").write_bytes(b"no picture")
    (tmp_path / "notes.txt").write_text("no picture either")
    faces, words = calibration_faces(tmp_path, SIZE)
    assert faces.shape == (2, 48, 48, 3) and words.startswith("2 faces: 2 of ")
    assert str(tmp_path) not in words
    grey, _ = calibration_faces(tmp_path, (48, 48, 1))
    assert grey.shape == (2, 48, 48, 1)


def test_calibration_on_an_array():
    crops = np.arange(10, dtype=np.uint8)[:, None, None, None] * np.ones(SIZE, np.uint8)
    faces, words = calibration_faces(crops, SIZE, count=5)
    assert faces[:, 0, 0, 0].tolist() == [0, 2, 4, 6, 8] and words == "5 faces"


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda path: path / "nothing", FileNotFoundError, "no such file or folder"),
        (lambda path: path, ValueError, "no picture of a face could be read"),
        (lambda path: [], ValueError, "Received: none"),
        (lambda path: np.zeros((3, 32, 32, 3), np.uint8), ValueError, "Received: uint8 of shape"),
        (lambda path: np.zeros((0, 48, 48, 3), np.uint8), ValueError, "the model takes uint8"),
    ],
)
def test_calibration_on_nothing(tmp_path, make, error, message):
    with pytest.raises(error, match=message):
        calibration_faces(make(tmp_path), SIZE)


def test_calibration_on_a_file_of_another_kind(tmp_path):
    (tmp_path / "a.csv").write_text("x")
    with pytest.raises(ValueError, match="a folder of pictures or an .npz file"):
        calibration_faces(tmp_path / "a.csv", SIZE)
    np.savez(tmp_path / "a.npz", x=np.zeros(3))
    with pytest.raises(ValueError, match="a.npz is no prepared set"):
        calibration_faces(tmp_path / "a.npz", SIZE)
    with pytest.raises(ValueError, match="Received: count=0"):
        calibration_faces(None, SIZE, count=0)
