"""A published entry as a Keras model."""

from __future__ import annotations

import os
from contextlib import nullcontext
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerasface.zoo.entry import check_files, read_manifest
from kerasface.zoo.errors import IntegrityError, ManifestError
from kerasface.zoo.locate import locate
from kerasface.zoo.manifest import CONFIG, WEIGHTS, InputContract, Manifest
from kerasface.zoo.names import inside
from kerasface.zoo.probe import check_probe
from kerasface.zoo.progress import bars
from kerasface.zoo.schema import read_json
from kerasface.zoo.weights import Holding, measure_weights

if TYPE_CHECKING:
    from kerasface.inference import PublishedModel, RuntimeModel

# A network computing in bfloat16 (8 bits of mantissa) or float16 answers this much less exactly.
ALLOWED = {"float32": 1.0, "float64": 1.0}
ALLOWED_HALF = 100.0


def load(
    source: str | os.PathLike,
    *,
    runtime: str = "keras",
    precision: str | None = None,
    threads: int | None = None,
    sha256: str | None = None,
    check: bool = True,
) -> PublishedModel | RuntimeModel:
    """Loads a published model: checked, built from our own code, and asked its probe.

    Nothing that was downloaded runs: sha256 first, then the network is built by
    `PublishedModel.from_spec`, no larger than its weights file, then the weights are read, then
    the answers to a stored input are compared. Searched, in order: `KERASFACE_ZOO` (folder or
    address), the checkout, the package, the cache under `KERASFACE_HOME`, the mirrors of the
    index. `KERASFACE_OFFLINE=1` forbids the network.

    With another `runtime` neither Keras nor TensorFlow is imported: the entry's exported file is
    hashed, opened and asked the probe. `.tasks`, `.analyze` and calls with pixels are the same;
    such a model cannot be trained.

    Args:
        source: "student", "student@1.0.0", a path of an entry's folder, or its https address.
        runtime: "keras", "litert", "onnx" or "openvino"; each but the first needs its extra, or
            only its own package (ai-edge-litert, onnxruntime, openvino). "auto": the first of
            those three that the entry has a file for and that is installed, else Keras.
        precision: "float32", "float16" or "int8", for runtimes other than Keras; default the most
            precise of those the entry has for the runtime.
        threads: that work on one call, for runtimes other than Keras, at least 1; default
            the cores this process may use, at most 4. Left to Keras where "auto" is Keras.
        sha256: of the entry's `manifest.json`. For an address: without it the server is
            believed on first use.
        check: whether to ask the probe (one pass of four pictures), default True.

    Returns:
        The model, images `(batch, height, width, channels)` 0..255 to a dict by task name.
        `.tasks` are its tasks, `.manifest` is the entry's `Manifest`. In another runtime a
        `RuntimeModel`, which takes uint8.

    Raises:
        UnknownEntry: no such name or version; near names are listed.
        UnknownExport: the entry has no file for the runtime and precision; those it has are
            listed.
        DownloadError: it would have to be fetched and could not be (`OfflineError`: was not to).
        IntegrityError: a file is not the one its manifest names, or the probe fails.
        ManifestError: the manifest or configuration breaks a rule.
        ImportError: the runtime is not installed; one line that names the extra.
        ValueError: an unknown runtime or precision, fewer than one thread, or precision or
            threads with Keras.

    Example:
        >>> model = load("student")  # doctest: +SKIP
        >>> model.analyze(["photo.jpg"])  # doctest: +SKIP
    """
    if runtime == "auto":
        from kerasface.zoo.runtime_loading import ready_runtime

        runtime = ready_runtime(source, precision, sha256)
        threads = None if runtime == "keras" else threads
    if runtime != "keras":
        from kerasface.zoo.runtime_loading import load_exported

        return load_exported(source, runtime, precision, threads, sha256, check)
    if precision is not None or threads is not None:
        raise ValueError(
            "Keras takes its precision from keras.config.set_dtype_policy and its threads from "
            f"the backend. Received: precision={precision!r}, threads={threads!r}"
        )
    if find_spec("keras") is None:
        raise ImportError(
            "the runtime 'keras' needs Keras and TensorFlow: pip install kerasface. Without them "
            "load an entry's other files, such as runtime='litert'"
        )
    with bars() as watch:
        folder = locate(source, sha256=sha256, watch=watch)
    manifest = read_manifest(folder)
    model = build(folder, manifest)
    if check:
        check_probe(model, manifest, ALLOWED.get(_compute_dtype(), ALLOWED_HALF))
    return model


def _compute_dtype() -> str:
    import keras

    return keras.config.dtype_policy().compute_dtype


def build(folder: Path, manifest: Manifest) -> PublishedModel:
    """The model of an entry's folder; hashes are checked here once more, before anything parses.

    Args:
        folder: of the entry.
        manifest: its manifest.

    Raises:
        IntegrityError: a file is another one, or the weights do not fit the configuration.
        ManifestError: the configuration is none of ours, or not the manifest's.
    """
    from kerasface.zoo.bounded_build import check_activations

    check_files(folder, manifest, (CONFIG, WEIGHTS))
    config, weights = inside(folder, CONFIG), inside(folder, WEIGHTS)
    holding = measure_weights(weights)
    if holding.parameters != manifest.parameters:
        raise IntegrityError(
            f"{weights} holds {holding.parameters} parameters, its manifest says "
            f"{manifest.parameters}"
        )
    spec = read_json(config.read_bytes(), str(config))
    _check_description(spec, manifest, str(config))
    model = from_config(spec, str(config), holding)
    _check_promises(model, manifest, config)
    check_activations(model.trunk, manifest.probe.count, str(config))
    try:
        model.load_weights(weights)
    except (ValueError, KeyError, TypeError, OSError) as error:
        line = (str(error).splitlines() or [type(error).__name__])[0]
        raise IntegrityError(f"{weights} does not fit {config.name}: {line}") from None
    model.manifest = manifest
    return model


def from_config(spec: Any, where: str, holding: Holding | None = None) -> PublishedModel:
    """Builds a model from a configuration that may be a stranger's.

    Args:
        spec: the configuration.
        where: what errors call it.
        holding: what the model's weights file holds; no more is built. None: a configuration of
            one's own, of any size.

    Raises:
        ManifestError: it is none of ours, is larger than its weights, or would make a trunk fetch
            or open weights.
    """
    from kerasface.inference.published_model import PublishedModel
    from kerasface.zoo.bounded_build import within

    trunk = spec.get("trunk") if isinstance(spec, dict) else None
    config = trunk.get("config", {}) if isinstance(trunk, dict) else None
    if not isinstance(config, dict):
        raise ManifestError(f"{where}: trunk must be an object with name and config")
    # keras.applications would download what this names, or open it as a path.
    if config.get("weights") is not None:
        raise ManifestError(
            f"{where}: trunk.config.weights must be null. Received: {config['weights']!r}"
        )
    # Keras makes objects of its own out of dicts, by names that they hold.
    for name, value in config.items():
        if not _is_plain(value):
            raise ManifestError(
                f"{where}: trunk.config.{name} must be a number, text, true, false, null or a list "
                f"of such. Received: {type(value).__name__}"
            )
    try:
        with within(holding, where) if holding else nullcontext():
            return PublishedModel.from_spec(spec)
    except ManifestError:
        raise
    # Builders check little: what a stranger's values make them raise is theirs to choose.
    except Exception as error:
        line = (str(error).splitlines() or [type(error).__name__])[0]
        raise ManifestError(f"{where} describes no model: {line}") from None


def _is_plain(value: Any) -> bool:
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, (list, tuple)):
            waiting += item
        elif item is not None and not isinstance(item, (bool, int, float, str)):
            return False
    return True


def _check_description(spec: Any, manifest: Manifest, where: str) -> None:
    """Tasks and input of a configuration are the manifest's; nothing is built for it.

    What is not to be had here is left to `from_config`, which names it.
    """
    from kerasface.tasks import from_config as task_from_config

    try:
        size = spec["input"]
        described = (
            (size["height"], size["width"], size["channels"]),
            _described([task_from_config(config) for config in spec["tasks"]]),
        )
    except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError):
        return
    promised = _size(manifest.input), _answers(manifest.tasks)
    for what, wanted, got in zip(("input", "tasks"), promised, described, strict=True):
        if wanted != got:
            raise ManifestError(f"{where} has other {what} than its manifest: {got}, not {wanted}")


def _check_promises(model: PublishedModel, manifest: Manifest, config: Path) -> None:
    """The model is the one the manifest speaks of: parameters, input, tasks."""
    promised = (manifest.parameters, _size(manifest.input), _answers(manifest.tasks))
    built = (model.count_params(), model.trunk.input_shape[1:], _described(model.tasks))
    for what, wanted, got in zip(("parameters", "input", "tasks"), promised, built, strict=True):
        if wanted != got:
            raise ManifestError(f"{config} has other {what} than its manifest: {got}, not {wanted}")


def _described(tasks) -> list[tuple[str, str, int, tuple[str, ...]]]:
    return [
        (task.name, task.kind, task.output_size, tuple(getattr(task, "classes", None) or ()))
        for task in tasks
    ]


def _size(contract: InputContract) -> tuple[int, int, int]:
    return contract.height, contract.width, contract.channels


def _answers(tasks) -> list[tuple[str, str, int, tuple[str, ...]]]:
    return [(task.name, task.kind, task.outputs, task.classes or ()) for task in tasks]
