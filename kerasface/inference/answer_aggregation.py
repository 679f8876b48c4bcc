"""A teacher's answers under several transforms as one answer with its confidence."""

from __future__ import annotations

from collections.abc import Sequence

from keras import ops

from kerasface.inference.transforms import PictureTransform
from kerasface.tasks import Landmarks, Regression, Task
from kerasface.tasks.landmarks import SCALE

# Kinds whose answer is a label. An embedding has none, and a domain's adversary teaches nothing.
LABELLED_KINDS = ("classification", "regression", "landmarks")


def aggregate(task: Task, outputs, transforms: Sequence[PictureTransform]) -> dict:
    """The mean of soft answers over transforms, its hard label, and how sure it is.

    - classification: `p = mean_v softmax(z_v)`; label `argmax p` (the first of equal ones),
      confidence `max p`;
    - regression over bins at `c`: `p` as above; label `sum p c`, which is the mean of the
      transforms' values; spread `sqrt(max(var_p(c) - s^2, 0))`, the standard deviation of `p`
      without that of the blurred target `s` which the network was trained to give (as in
      `Regression.ranges`);
    - regression without bins: label the mean value, clipped to the task's range; spread the
      standard deviation over the transforms;
    - landmarks: each transform's points are carried back to the picture, mirrored pairs
      exchanged; label their mean; spread the root of the mean over points of the variance of
      x plus that of y.

    A number's or points' confidence is `s / (s + spread)`, 1 where all agree and 0.5 where the
    spread is as large as the task's own scale `s` (`Regression.spread`; a tenth of the crop for
    points). A number without bins, or points, under a single transform has no spread: 1.

    Args:
        task: classification, regression or landmarks.
        outputs: `(transforms, rows, output_size)` float, the head's outputs.
        transforms: what each was seen under.

    Returns:
        A dict of tensors: `label` (`(rows, *label_shape)`, int32 or float32), `soft`
        (`(rows, output_size)` float32: probabilities, the mean value or the points, flat),
        `confidence` (`(rows,)` in 0..1) and, but for classes, `spread` (`(rows,)` in the unit of
        the task; for points in shares of the crop).

    Raises:
        ValueError: a task of another kind.

    Reference:
        Radosavovic et al., "Data Distillation: Towards Omni-Supervised Learning" (2018), section
        3; Distill-2MD-MTL, section 3.2. They use the hard label; the rest is kept beside it.
    """
    outputs = ops.cast(outputs, "float32")
    if isinstance(task, Regression):
        return _number(task, outputs)
    if isinstance(task, Landmarks):
        return _points(task, outputs, transforms)
    if task.kind not in LABELLED_KINDS:
        raise ValueError(
            f"only {', '.join(LABELLED_KINDS)} have labels. Received: {task.kind} '{task.name}'"
        )
    soft = ops.mean(ops.softmax(outputs, axis=-1), axis=0)
    return {
        "label": ops.cast(ops.argmax(soft, axis=-1), "int32"),
        "soft": soft,
        "confidence": ops.max(soft, axis=-1),
    }


def _number(task: Regression, outputs) -> dict:
    if task.bins is None:
        soft = ops.mean(outputs, axis=0)
        spread = ops.sqrt(_variance(outputs))[:, 0]
        label = ops.clip(soft[:, 0], task.low, task.high)
    else:
        soft = ops.mean(ops.softmax(outputs, axis=-1), axis=0)
        centres = ops.convert_to_tensor(task.centres.astype("float32"))
        label = ops.sum(soft * centres, axis=-1)
        distance = centres[None] - label[:, None]
        variance = ops.sum(soft * distance * distance, axis=-1)
        spread = ops.sqrt(ops.maximum(variance - task.spread**2, 0.0))
        # A float32 sum may leave the range by its last digit.
        label = ops.clip(label, task.low, task.high)
    return {"label": label, "soft": soft, "spread": spread, **_sureness(spread, task.spread)}


def _points(task: Landmarks, outputs, transforms: Sequence[PictureTransform]) -> dict:
    seen = ops.reshape(outputs, (len(transforms), -1, *task.label_shape))
    back = []
    for place, transform in enumerate(transforms):
        slopes, starts = (ops.convert_to_tensor(each) for each in transform.lines())
        points = seen[place]
        if transform.mirrored:
            points = ops.take(points, ops.convert_to_tensor(task.mirror, "int32"), axis=1)
        back.append(points * slopes + starts)
    back = ops.stack(back)
    label = ops.mean(back, axis=0)
    spread = ops.sqrt(ops.mean(ops.sum(_variance(back), axis=-1), axis=-1))
    soft = ops.reshape(label, (-1, task.output_size))
    return {"label": label, "soft": soft, "spread": spread, **_sureness(spread, SCALE)}


def _variance(values):
    """Over the transforms; from differences, so that it is never below 0."""
    apart = values - ops.mean(values, axis=0, keepdims=True)
    return ops.mean(apart * apart, axis=0)


def _sureness(spread, scale: float) -> dict:
    return {"confidence": scale / (scale + spread)}
