"""A trained network as a source of knowledge: pictures to the embedding at one of its layers."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from kerasface.inference.labeller import WEIGHTS, weights_digest
from kerasface.models import FaceModel

BATCH = 256
NEAR = 5  # names of layers that an error lists


class Source:
    """Any Keras model with a named layer, as a callable from pictures to embeddings.

    Pictures go through the network some at a time, always in the same number (the last are filled
    up), so it is traced or compiled once. Maps `(height, width, dim)` are averaged over the place.
    The model is called in inference mode and not changed.

    Args:
        model: a `FaceModel` (a loaded entry too), or a functional or sequential Keras model of
            one picture; on any backend.
        layer: name of the layer whose output is the embedding; of a `FaceModel` a layer of its
            trunk. None: what the heads of a `FaceModel` read, or the output of another model.
        preprocess: from pixels 0..255 float32 `(batch, height, width, 3)` to what the model
            takes, such as `preprocess_input` of a module of `keras.applications`; in operations
            that can be traced. None: the pixels as they are; a `FaceModel` scales them itself.
        name: default its manifest's, or the model's own.
        batch_size: pictures that go through at once, at least 1.

    Call arguments:
        images: `(n, height, width, 3)` uint8, RGB 0..255; brought to the model's size, bilinearly
            and smoothed where it shrinks, if they have another.

    Returns:
        `(n, size)` float32, finite.

    Attributes:
        size: length of the embedding.
        parameters: of the layers that are used.
        sha256: of the weights, the layer and the name of the preprocessing.

    Raises:
        ValueError: no such layer (near names are listed), a model of another kind, an output that
            is no vector or map; when called, pictures of another kind, or an embedding that is
            not finite.

    Example:
        >>> from kerasface.models import build_trunk
        >>> source = Source(build_trunk("small_resnet", widths=(8, 8, 8)), layer="features")
        >>> source(np.zeros((3, 48, 48, 3), np.uint8)).shape
        (3, 8)

    Reference:
        Vielzeuf et al., "Towards a general model of knowledge for facial analysis by multi-source
        transfer learning" (2019), section 3.1: the encoders `E_(t,d)` of the sources.
    """

    def __init__(
        self,
        model: keras.Model,
        layer: str | None = None,
        preprocess: Callable[[Any], Any] | None = None,
        name: str | None = None,
        batch_size: int = BATCH,
    ):
        if batch_size < 1:
            raise ValueError(f"batch_size must be 1 or more. Received: batch_size={batch_size}")
        self.model, self.layer, self.preprocess = model, layer, preprocess
        self.pictures = int(batch_size)
        self._network = _Cut(model, layer, preprocess)
        self.size = self._network.size
        self.parameters = self._network.parameters
        manifest = getattr(model, "manifest", None)
        self.name = name or (manifest.reference if manifest else model.name)
        weights = manifest.files[WEIGHTS].sha256 if manifest else weights_digest(model)
        scaled_by = getattr(preprocess, "__qualname__", type(preprocess).__name__)
        self.sha256 = hashlib.sha256(f"{weights} {layer} {scaled_by}".encode()).hexdigest()

    @property
    def input_size(self) -> tuple[int | None, int | None]:
        """Height and width that pictures are brought to; None where any will do."""
        return self._network.input_size

    def __call__(self, images: np.ndarray) -> np.ndarray:
        images = np.asarray(images)
        if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] != 3:
            raise ValueError(
                "a source takes uint8 pictures (rows, height, width, 3). "
                f"Received: {images.dtype} of shape {images.shape}"
            )
        found = np.empty((len(images), self.size), "float32")
        for start in range(0, len(images), self.pictures):
            part = images[start : start + self.pictures]
            missing = self.pictures - len(part)
            filled = np.pad(part, ((0, missing), (0, 0), (0, 0), (0, 0))) if missing else part
            found[start : start + len(part)] = self._network.predict_on_batch(filled)[: len(part)]
        broken = ~np.isfinite(found).all(axis=1)
        if broken.any():
            raise ValueError(
                f"embeddings of {self.name!r} are not finite: its training diverged or its weights "
                f"are damaged. Received: {broken.sum()} such of {len(images)} pictures"
            )
        return found


def imagenet_source(
    application: str = "MobileNetV3Small",
    layer: str | None = None,
    weights: str | None = "imagenet",
    size: int = 96,
    name: str | None = None,
    batch_size: int = BATCH,
) -> Source:
    """A network of `keras.applications` with its own preprocessing as a source.

    Args:
        application: name of its function.
        layer: as `Source`; None: the average over the last map.
        weights: "imagenet" (Keras fetches them), a path, or None for random ones.
        size: pixels of the side that pictures are brought to.
        name: default "imagenet-<application>".
        batch_size: as `Source`.

    Raises:
        ValueError: no such application; near names are listed.
        OSError: the weights cannot be had.

    Example:
        >>> imagenet_source("MobileNetV3Small", weights=None, size=32).size
        576

    Reference:
        Vielzeuf et al. (2019), table 1: the source Object-ImageNet.
    """
    build = getattr(keras.applications, application, None)
    home = None
    if callable(build):
        # A network's own module, public under the same name, has its preprocessing.
        home = getattr(keras.applications, build.__module__.rpartition(".")[2], None)
    if not hasattr(home, "preprocess_input"):
        names = [each for each in dir(keras.applications) if each[:1].isupper()]
        near = difflib.get_close_matches(application, names, cutoff=0.3) or sorted(names)[:NEAR]
        raise ValueError(
            f"keras.applications has no network of that name; near: {', '.join(near)}. "
            f"Received: application={application!r}"
        )
    try:
        model = build(
            include_top=False, pooling="avg", weights=weights, input_shape=(size, size, 3)
        )
    except Exception as error:  # Keras's own downloads raise bare exceptions
        line = (str(error).splitlines() or [type(error).__name__])[0]
        raise OSError(f"{application} with weights={weights!r} cannot be had: {line}") from None
    title = name or f"imagenet-{application}"
    return Source(model, layer, home.preprocess_input, title, batch_size)


class _Cut(keras.Model):
    """Pictures to the output of one layer, in one graph."""

    def __init__(self, model: keras.Model, layer: str | None, preprocess):
        super().__init__(dtype="float32", name="source")
        if not isinstance(model, keras.Model):
            raise ValueError(
                "a source is a Keras model, not one exported for a runtime. "
                f"Received: {type(model).__name__}"
            )
        self.model, self.preprocess, self.part = model, preprocess, None
        self.face = isinstance(model, FaceModel)
        if not self.face or layer is not None:
            self.part = _up_to(model.trunk if self.face else model, layer)
        shape = (self.part or model.trunk).input_shape
        self.input_size = (shape[1], shape[2])
        outputs = self._features_shape()
        if len(outputs) not in (2, 4) or outputs[-1] is None:
            raise ValueError(
                "an embedding is a vector (batch, dim) or maps (batch, height, width, dim). "
                f"Received: layer={layer!r} of shape {outputs}"
            )
        self.size = int(outputs[-1])
        used = [self.part] if self.part is not None else [model.trunk, model.shared]
        self.parameters = sum(each.count_params() for each in used if each is not None)
        self.built = True  # the model is, and nothing else has weights

    def _features_shape(self) -> tuple:
        if self.part is not None:
            return tuple(self.part.output_shape)
        units = self.model.shared_units
        return (None, self.model.trunk.output_shape[-1] if units is None else units)

    def call(self, images, training=False):
        del training
        pixels = ops.cast(images, "float32")
        size = tuple(
            a if b is None else b for a, b in zip(pixels.shape[1:3], self.input_size, strict=True)
        )
        if size != tuple(pixels.shape[1:3]):
            pixels = ops.image.resize(pixels, size, interpolation="bilinear", antialias=True)
        if self.preprocess is not None:
            pixels = self.preprocess(pixels)
        if self.part is None:
            features = self.model.features(pixels, training=False)
        else:
            scaled = self.model.rescale(pixels) if self.face else pixels
            features = self.part(scaled, training=False)
        features = ops.cast(features, "float32")
        return ops.mean(features, axis=(1, 2)) if len(features.shape) == 4 else features


def _up_to(model: keras.Model, layer: str | None) -> keras.Model:
    """The part of a functional model from its picture to a layer."""
    inputs = getattr(model, "inputs", None) or []
    if len(inputs) != 1:
        raise ValueError(
            "a source is a FaceModel, or a functional or sequential model of one picture. "
            f"Received: {type(model).__name__} {model.name!r} with {len(inputs)} inputs"
        )
    if layer is None:
        return model
    names = [each.name for each in model.layers]
    if layer not in names:
        near = difflib.get_close_matches(layer, names, n=NEAR, cutoff=0.3) or names[-NEAR:]
        raise ValueError(
            f"{model.name!r} has no layer of that name; near: {', '.join(near)}. "
            f"Received: layer={layer!r}"
        )
    return keras.Model(inputs[0], model.get_layer(layer).output, name=f"{model.name}_to_{layer}")
