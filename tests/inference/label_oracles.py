"""What labelling should give, in plain loops that share nothing with the code."""

import math

import numpy as np

# The transforms of `DEFAULT_TRANSFORMS`, written out: mirrored, and the box that is seen.
BOXES = {
    "plain": (False, (0.0, 0.0, 1.0, 1.0)),
    "flip": (True, (0.0, 0.0, 1.0, 1.0)),
    "scale=1.08": (False, (1 / 27, 1 / 27, 26 / 27, 26 / 27)),
    "flip+scale=1.08": (True, (1 / 27, 1 / 27, 26 / 27, 26 / 27)),
    "crop=0:0:0.92:0.92": (False, (0.0, 0.0, 0.92, 0.92)),
    "crop=0.08:0.08:1:1": (False, (0.08, 0.08, 1.0, 1.0)),
}


def seen_by_loops(image, mirrored, box):
    """`(height, width, channels)` of a picture's box, resampled linearly; then mirrored.

    The picture is laid out three times as large with its mirror images around it, and every
    pixel of what is seen weighs all of those pixels by their distance.
    """
    height, width = image.shape[:2]
    large = np.pad(image.astype(float), ((height,) * 2, (width,) * 2, (0, 0)), mode="symmetric")
    left, top, right, bottom = box

    def weights(seen, length, start, end):
        step = end - start  # pixels of the picture to one that is seen
        place = start * length + (seen + 0.5) * step
        found = []
        for pixel in range(-length, 2 * length):
            found.append(max(0.0, 1.0 - abs(pixel + 0.5 - place) / max(1.0, step)))
        return np.array(found) / sum(found)

    result = np.zeros(image.shape)
    for y in range(height):
        down = weights(y, height, top, bottom)
        rows = np.tensordot(down, large, 1)
        for x in range(width):
            result[y, x] = weights(x, width, left, right) @ rows
    return result[:, ::-1] if mirrored else result


def softmax(row):
    odds = [math.exp(value - max(row)) for value in row]
    return [value / sum(odds) for value in odds]


def mean_distribution(outputs, row):
    """Mean over transforms of the probabilities of one row; `outputs (transforms, rows, k)`."""
    total = [0.0] * outputs.shape[2]
    for of_transform in outputs:
        for place, probability in enumerate(softmax(of_transform[row])):
            total[place] += probability / len(outputs)
    return total


def class_by_loops(outputs, row):
    """`(label, soft, confidence)`."""
    soft = mean_distribution(outputs, row)
    label = 0
    for number, probability in enumerate(soft):
        if probability > soft[label]:
            label = number
    return label, soft, soft[label]


def binned_by_loops(outputs, row, low, high, scale):
    """`(value, soft, spread, confidence)`."""
    soft = mean_distribution(outputs, row)
    centres = [low + (high - low) * place / (len(soft) - 1) for place in range(len(soft))]
    value = sum(p * c for p, c in zip(soft, centres, strict=True))
    variance = sum(p * (c - value) ** 2 for p, c in zip(soft, centres, strict=True))
    spread = math.sqrt(max(variance - scale**2, 0.0))
    return value, soft, spread, scale / (scale + spread)


def value_by_loops(outputs, row, low, high, scale):
    """`(value, mean, spread, confidence)` of a number without bins."""
    seen = [float(of_transform[row, 0]) for of_transform in outputs]
    mean = sum(seen) / len(seen)
    spread = math.sqrt(sum((value - mean) ** 2 for value in seen) / len(seen))
    return min(max(mean, low), high), mean, spread, scale / (scale + spread)


def points_by_loops(outputs, row, transforms, mirror, scale):
    """`(points, spread, confidence)`; `transforms` as the values of `BOXES`."""
    back = []
    for of_transform, (mirrored, (left, top, right, bottom)) in zip(
        outputs, transforms, strict=True
    ):
        seen = of_transform[row].reshape(-1, 2)
        points = []
        for number in range(len(seen)):
            x, y = seen[mirror[number] if mirrored else number]
            x = 1.0 - x if mirrored else x
            points.append((left + x * (right - left), top + y * (bottom - top)))
        back.append(points)
    means, variance = [], 0.0
    for number in range(len(back[0])):
        mean = [sum(points[number][axis] for points in back) / len(back) for axis in (0, 1)]
        for axis in (0, 1):
            apart = [(points[number][axis] - mean[axis]) ** 2 for points in back]
            variance += sum(apart) / len(apart) / len(back[0])
        means.append(mean)
    return means, math.sqrt(variance), scale / (scale + math.sqrt(variance))
