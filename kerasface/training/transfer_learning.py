"""New tasks from a trained network: a small MLP on its frozen embedding, then all its weights."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import keras
import numpy as np
from keras import layers

from kerasface.data.batches import labelled_weights, task_columns
from kerasface.data.prepared import PreparedSet
from kerasface.models import FaceModel
from kerasface.tasks import Embedding, Task
from kerasface.training.devices import Devices
from kerasface.training.finite_loss import NonFiniteLoss
from kerasface.training.mean_start import answer_means

HIDDEN = 256
HEAD_EPOCHS, HEAD_RATE = 30, 1e-3
EPOCHS, RATE, DECAY = 10, 5e-4, 0.05
BATCH, PICTURES = 64, 4  # the pictures of each person, where people are told apart
IMAGES = 5000  # that fine-tuning sees in an epoch at most
ROWS = 256  # pictures whose features are computed at once
# Of the moving averages of batch normalisation: Keras's 0.99 lags behind a run of 100 steps.
MOMENTUM = 0.95


def fit_head(
    features: np.ndarray,
    labels: Mapping[str, np.ndarray],
    masks: Mapping[str, np.ndarray],
    tasks: Sequence[Task],
    hidden: Sequence[int] = (HIDDEN,),
    epochs: int = HEAD_EPOCHS,
    rate: float = HEAD_RATE,
    dropout: float = 0.0,
    seed: int = 0,
    per_feature: bool = True,
) -> FaceModel:
    """Trains an MLP on features that were computed once, for one task or several.

    The features are standardised while it trains; the network that comes back takes them as they
    are, the standardisation being folded into its first layer. Heads of points and numbers begin
    at the mean of their labels.

    Args:
        features: `(rows, dim)` float, finite.
        labels: by task name `(rows, *label_shape)`.
        masks: by task name `(rows,)` bool.
        tasks: that it learns, no embedding among them.
        hidden: units of its hidden layers (ReLU), one or more.
        epochs: passes over the rows, at least 1.
        rate: highest learning rate of AdamW, falling to 0 by a cosine.
        dropout: share of the features dropped in training.
        seed: of weights and order.
        per_feature: each feature gets a deviation of 1; else all are divided by one number, so
            that none is blown up, as the last of principal components would be.

    Returns:
        A `FaceModel` of features `(batch, dim)` instead of pictures; its `shared` layer is the
        last hidden one.

    Raises:
        ValueError: no row, no hidden layer, or features that are not finite.
    """
    features = np.asarray(features, "float32")
    if not len(features) or not hidden or epochs < 1 or not np.isfinite(features).all():
        raise ValueError(
            "a head needs rows of finite features, a hidden layer and an epoch or more. "
            f"Received: shape {features.shape}, hidden={tuple(hidden)}, epochs={epochs}"
        )
    keras.utils.set_random_seed(seed)
    mean, scale = features.mean(0), features.std(0)
    if not per_feature:
        scale = np.full_like(scale, np.sqrt(np.mean(np.square(scale))))
    scale = np.where(scale > 1e-6, scale, 1.0).astype("float32")
    trunk = _mlp_trunk(features.shape[1], hidden[:-1], dropout)
    # Pixels are scaled in a face model of pictures; features are not.
    model = FaceModel(trunk, tasks, scale=1.0, offset=0.0, shared=hidden[-1], name="head")
    # From a random answer the MLP does not come back in so few steps: points ended worse than the
    # mean face.
    answer_means(model, {task.name: (labels[task.name], masks[task.name]) for task in tasks})
    steps = epochs * math.ceil(len(features) / BATCH)
    model.compile(_optimizer(rate, steps))
    model.fit(
        (features - mean) / scale,
        {task.name: labels[task.name] for task in tasks},
        sample_weight=labelled_weights(masks, tasks),
        batch_size=BATCH,
        epochs=epochs,
        verbose=0,
    )
    first = next(each for each in (*trunk.layers, model.shared.layer) if each.weights)
    kernel, bias = first.get_weights()
    kernel = kernel / scale[:, None]
    first.set_weights([kernel, bias - mean @ kernel])
    return model


def features_of(model: FaceModel, images: np.ndarray) -> np.ndarray:
    """`(rows, dim)` float32 of a model's trunk for pictures `(rows, height, width, 3)`.

    Raises:
        ValueError: an embedding is not finite.
    """
    parts = []
    network = keras.Sequential(
        [keras.Input(images.shape[1:]), model.rescale, model.trunk], name="features"
    )
    for start in range(0, len(images), ROWS * 16):
        part = images[start : start + ROWS * 16]
        missing = -len(part) % ROWS
        filled = np.concatenate([part, np.repeat(part[-1:], missing, axis=0)])
        found = network.predict(filled.astype("float32"), batch_size=ROWS, verbose=0)
        found = found.mean((1, 2)) if found.ndim == 4 else found
        parts.append(found[: len(part)].astype("float32"))
    features = np.concatenate(parts)
    broken = ~np.isfinite(features).all(axis=1)
    if broken.any():
        raise ValueError(
            "the network's embeddings are not finite: its weights are damaged or its training "
            f"diverged. Received: {broken.sum()} such of {len(images)} pictures"
        )
    return features


def transfer_to(
    model: FaceModel,
    tasks: Task | Sequence[Task],
    train: PreparedSet,
    *,
    frozen: bool = False,
    hidden: int = HIDDEN,
    head_epochs: int = HEAD_EPOCHS,
    epochs: int = EPOCHS,
    rate: float = RATE,
    images: int = IMAGES,
    augmentation=None,
    seed: int = 0,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    devices: Devices | None = None,
) -> FaceModel:
    """A new model for new tasks from a trained one, whose weights stay as they were.

    First an MLP of one hidden layer learns on the frozen features, which takes seconds; then,
    unless `frozen`, all weights are trained on. For an `Embedding` the frozen features themselves
    are the vector, and fine-tuning draws batches of so many people with so many pictures of each.

    Args:
        model: made by `FaceModel.from_spec`, such as a loaded entry. Its trunk is kept.
        tasks: one task or several: classes, numbers, attributes, points; or one `Embedding`.
        train: pictures of the model's size with the tasks' labels; an `Embedding` needs subjects.
        frozen: leave the trunk as it is.
        hidden: units of the MLP.
        head_epochs: passes over the features.
        epochs: passes of fine-tuning, each of at most `images` pictures.
        rate: highest learning rate of fine-tuning (AdamW, cosine to 0).
        images: see `epochs`.
        augmentation: `kerasface.data.Augmentation`; None: its defaults.
        seed: of weights, order and augmentation.
        callbacks: of fine-tuning.
        devices: of fine-tuning, of this host; default one. The MLP takes seconds on one.

    Returns:
        A `FaceModel` that can be published.

    Raises:
        ValueError: no picture is labelled for a task, a label is outside its range, or pictures
            are of another size.

    Example:

        general = kerasface.zoo.load("general")
        glasses = Classification("glasses", ("glasses", "no glasses"))
        model = transfer_to(general, glasses, faces)

    Reference:
        Vielzeuf et al., "Towards a general model of knowledge for facial analysis by multi-source
        transfer learning" (2019), section 3.3: an MLP on top of the student, all parameters
        trained. To train the MLP alone first is ours (Kumar et al. 2022).
    """
    tasks = [tasks] if isinstance(tasks, Task) else list(tasks)
    spec = {**model.get_spec(), "tasks": [task.get_config() for task in tasks]}
    size = tuple(spec["input"][side] for side in ("height", "width", "channels"))
    if train.images.shape[1:] != size:
        raise ValueError(
            f"pictures must be of the model's size {size}. "
            f"Received: {train.images.shape[1:]} in {train.domain!r}"
        )
    spec.pop("shared", None)
    pairs = any(isinstance(task, Embedding) for task in tasks)
    keras.utils.set_random_seed(seed)
    if pairs:
        features_of(model, train.images[:ROWS])  # of a damaged network nothing is made
        new = _embedding_model(spec, tasks, model)
    else:
        columns = {task.name: task_columns(train, task) for task in tasks}
        for name, (_, mask) in columns.items():
            if not mask.any():
                raise ValueError(f"{train.domain}: no picture has a label for {name!r}")
        head = fit_head(
            features_of(model, train.images),
            {name: labels for name, (labels, _) in columns.items()},
            {name: mask for name, (_, mask) in columns.items()},
            tasks,
            (hidden,),
            head_epochs,
            seed=seed,
        )
        new = FaceModel.from_spec({**spec, "shared": hidden})
        new.shared.set_weights(head.shared.get_weights())
        new.heads.set_weights(head.heads.get_weights())
    new.trunk.set_weights(model.trunk.get_weights())
    if frozen:
        return new
    return fine_tune(new, train, epochs, rate, images, augmentation, seed, callbacks, devices)


def fine_tune(
    model: FaceModel,
    train: PreparedSet,
    epochs: int = EPOCHS,
    rate: float = RATE,
    images: int = IMAGES,
    augmentation=None,
    seed: int = 0,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    devices: Devices | None = None,
) -> FaceModel:
    """Trains all weights of a model on one set, in place; a new model is so trained from scratch.

    Args: as `transfer_to`; the callbacks see the network in the form that trains fastest.

    Returns:
        The model itself.

    Raises:
        NonFiniteLoss: the loss is no number any more; the model has the weights it came with.
        ValueError: a batch of 64, or its people, cannot be dealt to the devices evenly.
    """
    from kerasface.data.augment import Augmentation
    from kerasface.data.identity_batches import identity_batches
    from kerasface.data.mixing import mix
    from kerasface.training.trunk_layers import training_form

    augmentation = Augmentation() if augmentation is None else augmentation
    rows = min(len(train), images)
    steps = max(math.ceil(rows / BATCH), 1)
    embeds = [task for task in model.tasks if isinstance(task, Embedding)]
    devices, batch, together = Devices() if devices is None else devices, BATCH, 1
    if embeds:
        people = min(BATCH // PICTURES, len({*train.subjects.tolist()} - {""}))
        batch, together = people * PICTURES, PICTURES
        batches = identity_batches(
            train, model.tasks, people, PICTURES, embeds[0].name, seed, augmentation
        )
    else:
        batches = mix({"train": train}, {"train": BATCH}, model.tasks, seed, augmentation)
    with devices.scope():
        trained = training_form(model, devices, momentum=MOMENTUM)
        trained.compile(_optimizer(rate, steps * epochs))
        history = trained.fit(
            devices.share(batches, batch, together),
            steps_per_epoch=steps,
            epochs=epochs,
            callbacks=list(callbacks),
            verbose=0,
        )
    # One NaN stays in the mean that is logged, and in the weights.
    if not np.isfinite(history.history["loss"]).all():
        raise NonFiniteLoss(
            f"fine-tuning on {train.domain} diverged; take a smaller rate. Received: rate={rate}, "
            f"losses of the epochs {[round(each, 3) for each in history.history['loss']]}"
        )
    model.set_weights(trained.get_weights())
    return model


def _embedding_model(spec: dict, tasks: Sequence[Task], model: FaceModel) -> FaceModel:
    """The trunk's own features as the vector."""
    size = model.trunk.output_shape[-1]
    [task] = tasks
    config = {**task.get_config(), "size": size, "project": False}
    return FaceModel.from_spec({**spec, "tasks": [config]})


def _mlp_trunk(dim: int, widths: Sequence[int], dropout: float) -> keras.Model:
    x = image = keras.Input((dim,), name="features")
    if dropout:
        x = layers.Dropout(dropout)(x)
    for width in widths:
        x = layers.Dense(width, activation="relu")(x)
    if x is image:
        x = layers.Identity()(x)
    return keras.Model(image, x, name="mlp")


def _optimizer(rate: float, steps: int) -> keras.optimizers.Optimizer:
    """AdamW with a warm-up over a tenth of the steps and a cosine to 0; decay on kernels only."""
    warmup = max(steps // 10, 1)
    schedule = keras.optimizers.schedules.CosineDecay(
        rate / 10, max(steps - warmup, 1), warmup_target=rate, warmup_steps=warmup
    )
    made = keras.optimizers.AdamW(schedule, weight_decay=DECAY)
    made.exclude_from_weight_decay(var_names=["gamma", "beta", "bias"])
    return made
