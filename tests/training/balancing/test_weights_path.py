"""The weights of a whole run against the same run in NumPy: two tasks of very different scale.

The network is one shared layer and two heads on raw pixels; NumPy goes through it row by row in
float64, with gradients written out and none of the code under test.
"""

import keras
import numpy as np
import pytest

from kerasface.data.batches import labelled_weights
from kerasface.models import FaceModel
from kerasface.tasks import Regression
from kerasface.training import BalancedModel, GradNorm
from tests.training.balancing.small import SHAPE, WeightsPath, fit

HALF = {"wide": 10.0, "narrow": 1.0}
TASKS = tuple(Regression(name, "units", (-half, half)) for name, half in HALF.items())
RATE, ALPHA, ROWS, STEPS, UNITS = 2e-5, 1.5, 6, 25, 5


def batches():
    chance = np.random.default_rng(4)
    made = []
    for step in range(STEPS):
        masks = {name: chance.random(ROWS) < 0.7 for name in HALF}
        masks["wide"][0] = True
        if step in (3, 4):
            masks["narrow"][:] = False
        labels = {
            name: np.where(masks[name], chance.uniform(-half, half, ROWS), 0.0).astype("float32")
            for name, half in HALF.items()
        }
        images = chance.integers(0, 256, (ROWS, *SHAPE)).astype("uint8")
        made.append((images, labels, labelled_weights(masks, TASKS)))
    return made


def network():
    keras.utils.set_random_seed(2)
    image = keras.Input(SHAPE)
    trunk = keras.Model(image, keras.layers.Flatten()(image))
    return FaceModel(trunk, TASKS, shared=UNITS)


def one_task(pixels, labels, known, half, layer, head):
    """Loss and gradients of one task: `(loss, d kernel, d bias, d v, d c)`."""
    (kernel, bias), (v, c) = layer, head
    loss, dkernel, dbias = 0.0, np.zeros_like(kernel), np.zeros_like(bias)
    dv, dc = np.zeros_like(v), 0.0
    for row in range(len(pixels)):
        if not known[row]:
            continue
        x = [value / 127.5 - 1.0 for value in pixels[row].astype("float64").flat]
        before = [
            bias[unit] + sum(x[i] * kernel[i, unit] for i in range(len(x))) for unit in range(UNITS)
        ]
        after = [max(value, 0.0) for value in before]
        answer = half * (sum(a * b for a, b in zip(after, v, strict=True)) + c)
        gap = answer - labels[row]
        loss += gap**2 / sum(known)
        slope = 2 * gap * half / sum(known)
        dc += slope
        for unit in range(UNITS):
            dv[unit] += slope * after[unit]
            if before[unit] > 0:
                dbias[unit] += slope * v[unit]
                for i in range(len(x)):
                    dkernel[i, unit] += slope * v[unit] * x[i]
    return loss, dkernel, dbias, dv, dc


def numpy_run(model, optimizer, rate):
    """The task weights after each step, by algorithm 1 of the paper."""
    layer = [np.array(each, "float64") for each in model.shared.layer.get_weights()]
    heads = {}
    for name in HALF:
        v, c = model.heads.head(name).get_weights()
        heads[name] = [np.array(v[:, 0], "float64"), float(c[0])]
    weights, first = dict.fromkeys(HALF, 1.0), {}
    adam = {name: [0.0, 0.0, 0] for name in HALF}
    path = []
    for images, labels, sample_weight in batches():
        found, moved = {}, [np.zeros_like(each) for each in layer]
        for name, half in HALF.items():
            known = [weight > 0 for weight in sample_weight[name]]
            if any(known):
                found[name] = one_task(images, labels[name], known, half, layer, heads[name])
        for name, (_, dkernel, dbias, dv, dc) in found.items():
            moved[0] += weights[name] * dkernel
            moved[1] += weights[name] * dbias
            heads[name][0] = heads[name][0] - RATE * weights[name] * dv
            heads[name][1] -= RATE * weights[name] * dc
        layer = [each - RATE * step for each, step in zip(layer, moved, strict=True)]

        losses = {name: each[0] for name, each in found.items()}
        norms = {
            name: weights[name] * float(np.sqrt((each[1] ** 2).sum()))
            for name, each in found.items()
        }
        for name in found:
            first.setdefault(name, losses[name])
        ratios = {name: losses[name] / first[name] for name in found}
        mean_ratio = sum(ratios.values()) / len(found)
        mean_norm = sum(norms.values()) / len(found)
        free = 2.0 - sum(weights[name] for name in HALF if name not in found)
        for name in found:
            target = mean_norm * (ratios[name] / mean_ratio) ** ALPHA
            slope = np.sign(norms[name] - target) * norms[name] / weights[name]
            if optimizer == "sgd":
                weights[name] -= rate * slope
            else:
                mean, square, count = adam[name]
                mean, square, count = (
                    0.9 * mean + 0.1 * slope,
                    0.999 * square + 0.001 * slope**2,
                    count + 1,
                )
                adam[name] = [mean, square, count]
                step = (mean / (1 - 0.9**count)) / (np.sqrt(square / (1 - 0.999**count)) + 1e-12)
                weights[name] -= rate * step
            weights[name] = max(weights[name], 1e-3)
        total = sum(weights[name] for name in found)
        for name in found:
            weights[name] *= free / total
        path.append([weights[name] for name in HALF])
    return np.array(path)


@pytest.mark.parametrize("optimizer, rate", [("adam", 0.025), ("sgd", 2e-4)])
@pytest.mark.parametrize("norms", ["exact", "reference"])
def test_weights_follow_the_run_in_numpy(norms, optimizer, rate):
    model = network()
    expected = numpy_run(model, optimizer, rate)
    balanced = BalancedModel(model, GradNorm(ALPHA, rate, optimizer, norms))
    losses = {name: keras.losses.MeanSquaredError() for name in HALF}
    balanced.compile(keras.optimizers.SGD(RATE), loss=losses)
    path = WeightsPath()
    fit(balanced, batches(), callbacks=[path])
    np.testing.assert_allclose(path.weights, expected, rtol=1e-4)
    # The task of the large scale gives way, and steps without a label of the other move nothing.
    assert expected[-1][0] < 0.8 < 1.2 < expected[-1][1]
    assert path.weights[2][1] == path.weights[4][1]
    np.testing.assert_allclose(path.weights[2], path.weights[4], rtol=1e-6)
