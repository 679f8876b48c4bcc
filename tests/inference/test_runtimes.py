"""Exported networks answer as Keras does, under their tasks' names, without it."""

import json
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from benchmarks.memory import resident_mb
from kerasface.inference import ExportedFileError, RuntimeModel, analyze
from kerasface.inference.exporters import FORMATS
from kerasface.inference.runtimes import RUNTIMES, check_runtime, open_runner
from kerasface.inference.runtimes.chunks import SIZES, in_chunks
from kerasface.tasks import Classification, Embedding, Landmarks, Regression
from tests.inference.exported_files import FILES, IDS, ExportedFiles, need

TASKS = (
    Classification("expression", ("angry", "happy", "neutral")),
    Regression("age", "years", (0, 116), bins=30),
    Regression("pose", "degrees", (-90, 90)),
    Landmarks("landmarks5", 5),
    Embedding("identity", 4),
)
NAMES = {task.name: task.output_size for task in TASKS}
files_of_all = pytest.mark.parametrize(("runtime", "precision"), FILES, ids=IDS)


@pytest.fixture(scope="session")
def face_model(make_face_model):
    """With an input that is not square-friendly to a mistake: grey would show, and so would BGR."""
    model = make_face_model(*TASKS, seed=2)
    random = np.random.default_rng(0)
    for weight in model.trunk.weights:  # statistics of normalisation as after a training
        if weight.path.endswith(("moving_mean", "beta")):
            weight.assign(random.normal(0, 0.3, weight.shape))
        if weight.path.endswith(("moving_variance", "gamma")):
            weight.assign(random.uniform(0.5, 2.0, weight.shape))
    return model


@pytest.fixture(scope="session")
def written(face_model, tmp_path_factory):
    return ExportedFiles(face_model, tmp_path_factory.mktemp("exported"))


@pytest.fixture
def opened(written, face_model):
    def of(runtime, precision="float32", threads=1):
        path = written(runtime, precision)
        return RuntimeModel.from_file(path, face_model.get_spec(), threads=threads)

    return of


@pytest.fixture(scope="session")
def pictures():
    return np.random.default_rng(1).integers(0, 256, (67, 48, 48, 3), np.uint8)


@pytest.fixture(scope="session")
def expected(face_model, pictures):
    outputs = face_model.predict_on_batch(pictures)
    return {name: np.asarray(output) for name, output in outputs.items()}


def probabilities(logits):
    odds = np.exp(logits - logits.max(-1, keepdims=True))
    return odds / odds.sum(-1, keepdims=True)


@files_of_all
def test_outputs_agree(opened, pictures, expected, runtime, precision):
    """float32 within 1e-4 of each task's largest output, float16 within 1e-2 on probabilities."""
    received = opened(runtime, precision).predict(pictures)
    assert list(received) == list(NAMES)
    for name, wanted in expected.items():
        got = received[name]
        assert got.dtype == np.float32 and got.shape == wanted.shape
        if precision == "float32":
            np.testing.assert_allclose(got, wanted, atol=1e-4 * max(1.0, np.abs(wanted).max()))
        elif name in ("expression", "age"):
            allowed = 1e-2 if precision == "float16" else 0.1
            assert np.abs(probabilities(got) - probabilities(wanted)).max() < allowed
    if precision == "int8":  # untrained and calibrated on noise, it still follows
        both = np.corrcoef(received["identity"].ravel(), expected["identity"].ravel())
        assert both[0, 1] > 0.95


@files_of_all
@pytest.mark.parametrize("count", [1, 2, 8, 35, 64])
def test_a_batch_is_its_faces(opened, pictures, runtime, precision, count):
    """Answers do not hang on who else is in the batch."""
    model = opened(runtime, precision)
    together = model(pictures[:count])
    for place in (0, count - 1):
        alone = model(pictures[place : place + 1])
        for name in NAMES:
            np.testing.assert_allclose(together[name][place], alone[name][0], atol=1e-3, rtol=1e-3)


def test_nothing_in_nothing_out(opened):
    outputs = opened("litert")(np.zeros((0, 48, 48, 3), np.uint8))
    assert {name: rows.shape for name, rows in outputs.items()} == {
        name: (0, size) for name, size in NAMES.items()
    }
    assert opened("litert").predict(np.zeros((0, 48, 48, 3), np.uint8))["age"].shape == (0, 30)


@pytest.mark.parametrize("precision", FORMATS["litert"].precisions)
def test_litert_signature(written, precision):
    """Any program of LiteRT finds pixels and tasks by name."""
    path = written("litert", precision)
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path))
    signature = interpreter.get_signature_runner("serving_default")
    assert set(signature.get_output_details()) == set(NAMES)
    [(name, image)] = signature.get_input_details().items()
    assert (name, image["dtype"]) == ("images", np.uint8)
    assert list(image["shape_signature"]) == [-1, 48, 48, 3]
    answers = signature(images=np.zeros((2, 48, 48, 3), np.uint8))
    assert answers["age"].shape == (2, 30) and answers["age"].dtype == np.float32


def tensors_of(path):
    """Every tensor of a `.tflite` file, constant or not, before anything is fused."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path), experimental_preserve_all_tensors=True)
    return interpreter.get_tensor_details()


def test_litert_int8_has_no_float_layer(written):
    """Only the picture itself is float32, and kernels have a scale a channel."""
    tensors = tensors_of(written("litert", "int8"))
    large = [each for each in tensors if np.prod(each["shape"]) > 200]
    floats = {tuple(each["shape"]) for each in large if each["dtype"] is np.float32}
    assert floats <= {(1, 48, 48, 3)}
    kernels = [each for each in tensors if len(each["quantization_parameters"]["scales"]) > 1]
    assert {each["dtype"] for each in kernels} <= {np.int8, np.int32}  # biases are int32
    assert len([each for each in kernels if each["dtype"] is np.int8]) >= 9


def test_litert_float16_holds_half_precision(written):
    kinds = {each["dtype"] for each in tensors_of(written("litert", "float16"))}
    assert np.float16 in kinds
    full = written("litert", "float32").stat().st_size
    assert written("litert", "float16").stat().st_size < full


@pytest.mark.parametrize("precision", FORMATS["onnx"].precisions)
def test_onnx_names(written, precision):
    path = written("onnx", precision)
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    [image] = session.get_inputs()
    assert (image.name, image.type, image.shape) == (
        "images",
        "tensor(uint8)",
        ["batch", 48, 48, 3],
    )
    assert {each.name: each.shape for each in session.get_outputs()} == {
        name: ["batch", size] for name, size in NAMES.items()
    }


def test_onnx_int8_is_quantised_without_overflow(written):
    """Every kernel of a convolution is int8 of 7 bits; the heads are left as they were."""
    path = written("onnx", "int8")
    import onnx

    graph = onnx.load(path).graph
    arrays = [onnx.numpy_helper.to_array(each) for each in graph.initializer]
    kernels = [array for array in arrays if array.ndim == 4]
    assert len(kernels) >= 9 and {kernel.dtype for kernel in kernels} == {np.dtype("int8")}
    assert max(np.abs(kernel.astype(int)).max() for kernel in kernels) <= 64
    heads = [array for array in arrays if array.ndim == 2]
    assert sorted(head.shape[1] for head in heads) == sorted(NAMES.values())
    assert {head.dtype for head in heads} == {np.dtype("float32")}


@pytest.mark.parametrize("precision", FORMATS["openvino"].precisions)
def test_openvino_names(written, precision):
    path = written("openvino", precision)
    import openvino

    network = openvino.Core().read_model(path)
    assert [each.any_name for each in network.inputs] == ["images"]
    assert network.inputs[0].element_type == openvino.Type.u8
    assert {each.any_name for each in network.outputs} == set(NAMES)
    assert str(path.parent) not in path.read_text()


@pytest.mark.slow
def test_saved_model_serves_by_name(face_model, pictures, expected, tmp_path):
    import tensorflow as tf

    from kerasface.inference import export_model

    [folder] = export_model(face_model, tmp_path / "saved", "saved_model")
    serving = tf.saved_model.load(folder).signatures["serving_default"]
    outputs = serving(images=tf.constant(pictures[:3]))
    assert set(outputs) == set(NAMES)
    np.testing.assert_allclose(outputs["age"], expected["age"][:3], atol=1e-4)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_analyze_is_the_same(opened, face_model, pictures, runtime):
    """From pictures to answers, to the digits that people see; tasks, points and units alike."""
    model = opened(runtime)
    assert model.tasks == face_model.tasks and model.input_shape == (None, 48, 48, 3)
    assert model.task("age").unit == "years"
    with pytest.raises(KeyError, match="near: age"):
        model.task("agee")
    shown = model.analyze(pictures[:5], tasks=["expression", "age", "pose", "landmarks5"])
    wanted = analyze(face_model, pictures[:5], tasks=["expression", "age", "pose", "landmarks5"])
    assert json.loads(json.dumps(shown)) == shown
    for received, record in zip(shown, wanted, strict=True):
        [got], [face] = received.pop("faces"), record.pop("faces")
        assert received == record
        answers, expected_answers = got["answers"], face["answers"]
        assert answers["expression"]["label"] == expected_answers["expression"]["label"]
        for task, key in (("expression", "confidence"), ("age", "value"), ("pose", "value")):
            assert answers[task][key] == pytest.approx(expected_answers[task][key], abs=0.11)
        np.testing.assert_allclose(
            answers["landmarks5"]["points"], expected_answers["landmarks5"]["points"], atol=2e-4
        )


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_threads(opened, pictures, runtime):
    """More threads, and more callers, change no answer."""
    one = opened(runtime, threads=1)
    expected = one(pictures)
    two = opened(runtime, threads=2)(pictures)
    for name in NAMES:
        np.testing.assert_allclose(two[name], expected[name], atol=1e-4, rtol=1e-4)
    with ThreadPoolExecutor(16) as callers:
        parts = list(callers.map(lambda place: one(pictures[place : place + 1]), range(32)))
    for place, part in enumerate(parts):
        for name in NAMES:
            np.testing.assert_allclose(part[name][0], expected[name][place], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_memory_stays(opened, pictures, runtime):
    """2,000 faces in batches of every size; `benchmarks.serving` reads 10,000 from pictures."""
    model = opened(runtime)
    sizes = [*range(1, 67), 66]
    for size in sizes:  # plans for the sizes there are are made once
        model(pictures[:size])
    before = resident_mb()
    for size in sizes:
        model(pictures[:size])
    assert resident_mb() - before < 10


@pytest.mark.parametrize("threads", [0, -1, 1.5, True, "2"])
def test_threads_that_cannot_be(opened, threads):
    with pytest.raises(ValueError, match="threads must be a whole number above 0. Received"):
        opened("litert", threads=threads)


@pytest.mark.parametrize(
    "images",
    [
        np.zeros((1, 48, 48, 3), np.float32),
        np.zeros((1, 64, 64, 3), np.uint8),
        np.zeros((48, 48, 3), np.uint8),
    ],
    ids=["float", "size", "no batch"],
)
def test_pictures_of_another_kind(opened, images):
    with pytest.raises(ValueError, match=r"images are uint8 \(batch, 48, 48, 3\). Received: "):
        opened("litert")(images)


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("damage", ["cut", "noise", "empty"])
def test_damaged_file_is_a_named_error(written, face_model, tmp_path, runtime, damage, capfd):
    source = written(runtime, "float32")
    path = tmp_path / source.name
    if runtime == "openvino":
        shutil.copy(source.with_suffix(".bin"), path.with_suffix(".bin"))
    whole = source.read_bytes()
    noise = np.random.default_rng(0).bytes(4000)
    path.write_bytes({"cut": whole[: len(whole) // 3], "noise": noise, "empty": b""}[damage])
    with pytest.raises(ExportedFileError) as caught:
        RuntimeModel.from_file(path, face_model.get_spec())
    assert str(caught.value).startswith(f"{path}: {RUNTIMES[runtime].distribution} cannot read it")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_file_of_other_tasks(written, face_model, runtime):
    spec = face_model.get_spec()
    spec["tasks"] = spec["tasks"][:2]
    with pytest.raises(ExportedFileError, match="the file's outputs are .*'pose': 1.*tasks'"):
        RuntimeModel.from_file(written(runtime, "float32"), spec)


def test_missing_package_is_one_line(monkeypatch):
    for name, runtime in RUNTIMES.items():
        monkeypatch.setitem(sys.modules, runtime.package, None)
        with pytest.raises(ImportError) as caught:
            open_runner(name, [b""])
        message = str(caught.value)
        assert f"pip install 'kerasface[{name}]'" in message and "\n" not in message
        assert runtime.distribution in message


def test_unknown_names():
    with pytest.raises(ValueError, match="near: onnx. Received: 'onyx'"):
        check_runtime("onyx")
    with pytest.raises(ValueError, match=r"a file ends in one of .*Received: student.pb"):
        RuntimeModel.from_file("student.pb", {})


def test_chunks_keep_their_order():
    """Rows come back in order whatever the batch, and only a few sizes are ever asked for."""
    sizes = set()

    def run(part):
        sizes.add(len(part))
        return {"rows": part * 2}

    for count in (1, 2, 7, 8, 9, 63, 64, 65, 200):
        rows = np.arange(count * 4).reshape(count, 4)
        np.testing.assert_array_equal(in_chunks(rows, run)["rows"], rows * 2)
    assert sizes == set(SIZES)


def test_no_keras_is_needed(written, face_model, tmp_path, pictures):
    """Every runtime reads a picture in a process that cannot import Keras, TensorFlow or h5py."""
    (tmp_path / "config.json").write_text(json.dumps(face_model.get_spec()))
    np.save(tmp_path / "picture.npy", pictures[0])
    code = (
        "import sys\n"
        "for name in ('keras', 'tensorflow', 'jax', 'h5py', 'rich', 'requests', 'matplotlib'):\n"
        "    sys.modules[name] = None\n"
        "import numpy as np\n"
        "from kerasface.inference import RuntimeModel\n"
        "for path in sys.argv[3:]:\n"
        "    model = RuntimeModel.from_file(path, sys.argv[1])\n"
        "    print(model.analyze(np.load(sys.argv[2]))[0]['faces'][0]['answers']['age']['unit'])\n"
    )
    paths = [written(runtime, "float32") for runtime in RUNTIMES]
    words = [sys.executable, "-c", code, tmp_path / "config.json", tmp_path / "picture.npy", *paths]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["years"] * len(paths)


def test_the_table_of_formats_and_runtimes():
    """Every runtime has a format of its name whose file it opens."""
    for name, runtime in RUNTIMES.items():
        assert FORMATS[name].suffix == runtime.suffix
        need(name)
