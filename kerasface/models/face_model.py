"""A trunk with one head a task."""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import layers

from kerasface.export import registered
from kerasface.layers.multi_task_heads import MultiTaskHeads
from kerasface.layers.task_fork import TaskFork
from kerasface.models.partial_labels import PartialLabelsModel
from kerasface.models.trunks import build_trunk
from kerasface.tasks import Task
from kerasface.tasks import from_config as task_from_config


@registered
class FaceModel(PartialLabelsModel):
    """Shared layers (trunk) and a head for each task; trains with stock `compile` and `fit`.

    Args:
        trunk: a Keras model, images to features `(batch, dim)` or maps
            `(batch, height, width, dim)`, which are averaged. Ours, or any of
            `keras.applications` or KerasHub that takes an image tensor.
        tasks: `Task` objects with different names; the order of the outputs.
        scale: images are multiplied by this first, default 1 / 127.5.
        offset: then this is added, default -1: pixels 0..255 reach the trunk as -1..1.
        augmentation: a Keras layer applied to the pixels 0..255 in training only, on the
            device. For tasks whose labels do not move with the picture.
        trunk_spec: `{"name", "config"}` from which `build_trunk` made the trunk; needed to
            publish, and set by `from_spec`.
        shared: units of one more shared layer (Dense, ReLU) between the trunk's features and the
            heads, a `TaskFork`; default None, no such layer. It is where the exact fast form of
            GradNorm measures (`kerasface.training.GradNorm`).

    Call arguments:
        images: `(batch, height, width, channels)` uint8 or float, RGB 0..255.
        fork: function of the trunk's features to a dict by task name of what each head reads;
            it stands in for the shared layer while something is measured there. Default None.

    Returns:
        A dict by task name of float32 `(batch, output_size)`; see each task's `decode`.

    Raises:
        ValueError: no task, two of one name, or fewer than one shared unit.

    Example:
        >>> from kerasface.tasks import Classification
        >>> trunk = build_trunk("small_resnet", widths=(8, 8, 8))
        >>> model = FaceModel(trunk, [Classification("gender", ("male", "female"))])
        >>> tuple(model(keras.ops.zeros((2, 48, 48, 3)))["gender"].shape)
        (2, 2)
    """

    def __init__(
        self,
        trunk: keras.Model,
        tasks: Sequence[Task],
        scale: float = 1.0 / 127.5,
        offset: float = -1.0,
        augmentation: keras.layers.Layer | None = None,
        trunk_spec: dict | None = None,
        shared: int | None = None,
        name: str = "face_model",
        **kwargs,
    ):
        super().__init__(name=name, **kwargs)
        self.tasks = tuple(tasks)
        names = [task.name for task in self.tasks]
        if not names or len(set(names)) < len(names):
            raise ValueError(f"tasks must have different names, one or more. Received: {names}")
        if shared is not None and not (shared == int(shared) and shared >= 1):
            raise ValueError(f"shared must be None or 1 or more. Received: shared={shared}")
        self.scale, self.offset, self.trunk_spec = float(scale), float(offset), trunk_spec
        self.augmentation = augmentation
        # In float32: bfloat16 would round pixels before the first convolution sees them.
        self.rescale = layers.Rescaling(self.scale, offset=self.offset, dtype="float32")
        self.trunk = trunk
        self.pool = layers.GlobalAveragePooling2D(name="pool")
        self.shared_units = None if shared is None else int(shared)
        self.shared = None
        if self.shared_units is not None:
            dense = layers.Dense(self.shared_units, activation="relu", name="dense")
            self.shared = TaskFork(names, dense, name="shared")
        self.heads = MultiTaskHeads({t.name: t.make_head() for t in self.tasks}, name="heads")
        self.build((None, *trunk.input_shape[1:]))

    def build(self, input_shape):
        if self.built:
            return
        features = self.trunk.output_shape
        features = (features[0], features[-1])
        if self.shared is not None:
            self.shared.build(features)
            features = (features[0], self.shared_units)
        self.heads.build(features)
        self.built = True

    def trunk_input(self, images, training=False):
        """What the trunk is given for images `(batch, height, width, channels)`."""
        if self.augmentation is not None:
            images = self.augmentation(images, training=training)
        return self.rescale(images)

    def pooled(self, features):
        """The trunk's features as `(batch, dim)`; maps are averaged."""
        return self.pool(features) if len(features.shape) == 4 else features

    def trunk_features(self, images, training=False):
        """Features `(batch, dim)` of images `(batch, height, width, channels)`, before `shared`."""
        return self.pooled(self.trunk(self.trunk_input(images, training), training=training))

    def features(self, images, training=False):
        """What the heads read, `(batch, dim)`, of images `(batch, height, width, channels)`."""
        features = self.trunk_features(images, training=training)
        return features if self.shared is None else self.shared.project(features)

    def call(self, images, training=False, fork=None):
        return self.answers(self.trunk_features(images, training=training), training, fork)

    def answers(self, features, training=False, fork=None):
        """The outputs by task name, of the trunk's features `(batch, dim)`."""
        fork = self.shared if fork is None else fork
        return self.heads(features if fork is None else fork(features), training=training)

    def task(self, name: str) -> Task:
        """The task of that name.

        Raises:
            KeyError: there is none.
        """
        for task in self.tasks:
            if task.name == name:
                return task
        raise KeyError(f"no task {name!r}; tasks: {[task.name for task in self.tasks]}")

    def get_spec(self) -> dict:
        """What rebuilds the network without its weights, JSON-safe; `config.json` of the zoo.

        Raises:
            ValueError: the trunk was passed as an object, so its making is not known, or it was
                made for pictures of any size.
        """
        if self.trunk_spec is None:
            raise ValueError(
                "only a model made by FaceModel.from_spec can be described: its trunk must come "
                f"from build_trunk. Received: trunk={self.trunk.name!r}"
            )
        height, width, channels = self.trunk.input_shape[1:]
        if height is None or width is None:
            raise ValueError(
                "a published model reads pictures of one size: make it again with "
                "FaceModel.from_spec and load these weights. "
                f"Received: a trunk of input shape {self.trunk.input_shape}"
            )
        return {
            "trunk": self.trunk_spec,
            # Left out where there is none: a published description stays as it is.
            **({} if self.shared is None else {"shared": self.shared_units}),
            "tasks": [task.get_config() for task in self.tasks],
            "input": {
                "height": height,
                "width": width,
                "channels": channels,
                "scale": self.scale,
                "offset": self.offset,
            },
        }

    @classmethod
    def from_spec(cls, spec: dict, **build) -> FaceModel:
        """A new model from what `get_spec` returned.

        Args:
            spec: `{"trunk": {"name", "config"}, "tasks": [...], "input": {...}}` and, for a model
                with one more shared layer, `"shared"`, its units.
            **build: more arguments of the trunk that leave its weights' shapes alone, such as
                `normalization` or `dropout`.

        Raises:
            ValueError: an unknown trunk or task kind.
        """
        size = spec["input"]
        config = {
            "input_shape": (size["height"], size["width"], size["channels"]),
            **spec["trunk"].get("config", {}),
        }
        return cls(
            build_trunk(spec["trunk"]["name"], **{**config, **build}),
            [task_from_config(config) for config in spec["tasks"]],
            scale=size.get("scale", 1.0 / 127.5),
            offset=size.get("offset", -1.0),
            trunk_spec=dict(spec["trunk"]),
            shared=spec.get("shared"),
        )

    def get_config(self) -> dict:
        augmentation = self.augmentation
        return {
            **super().get_config(),
            "trunk": keras.saving.serialize_keras_object(self.trunk),
            "tasks": [task.get_config() for task in self.tasks],
            "scale": self.scale,
            "offset": self.offset,
            "augmentation": augmentation and keras.saving.serialize_keras_object(augmentation),
            "trunk_spec": self.trunk_spec,
            "shared": self.shared_units,
        }

    @classmethod
    def from_config(cls, config: dict, custom_objects=None):
        config = dict(config)
        for name in ("trunk", "augmentation"):
            if config[name] is not None:
                config[name] = keras.saving.deserialize_keras_object(
                    config[name], custom_objects=custom_objects
                )
        config["tasks"] = [task_from_config(each) for each in config["tasks"]]
        return cls(**config)
