"""Augmentation of a batch by stateless TensorFlow operations, one resampling for all moves."""

from __future__ import annotations

from dataclasses import dataclass

import tensorflow as tf


@dataclass(frozen=True)
class Augmentation:
    """How pictures of a batch are changed; each change is drawn anew for each picture.

    Args:
        flip: probability of a mirrored picture.
        shift: largest move along each axis, share of the picture's side.
        scale: largest change of size, share: 0.1 draws from 0.9 to 1.1.
        rotate: largest turn in degrees.
        contrast: largest change of contrast, share.
        brightness: largest change of brightness, share of 255.
        grey: probability that a picture loses its colour, so that colour does not give away
            which data set it is from.
        erase: probability that a rectangle of 10 to 25 % of the area becomes grey.
        size: side of the pictures that come out, or None for the side that went in. Training
            begins well on smaller pictures, at a fraction of the cost.

    Raises:
        ValueError: a probability or share outside 0..1, or a size below 1.
    """

    flip: float = 0.5
    shift: float = 0.08
    scale: float = 0.1
    rotate: float = 8.0
    contrast: float = 0.25
    brightness: float = 0.1
    grey: float = 0.5
    erase: float = 0.25
    size: int | None = None

    def __post_init__(self):
        if self.size is not None and self.size < 1:
            raise ValueError(f"size must be 1 or more. Received: size={self.size}")
        for name, value in vars(self).items():
            if name != "size" and not 0 <= value <= (180 if name == "rotate" else 1):
                raise ValueError(f"{name} is out of its range. Received: {name}={value}")

    def __call__(self, images, points, seed):
        """Changed pictures and the points that move with them.

        Args:
            images: `(batch, height, width, 3)` uint8 or float, 0..255.
            points: dict by name of `(batch, points, 2)` float32 in 0..1 with the order that
                the points take in a mirrored picture: `(labels, mirror)`. May be empty.
            seed: `(2,)` int; the same seed gives the same pictures.

        Returns:
            `(images, points)`: float32 `(batch, height, width, 3)`, height and width being
            `size` where that is given, and the dict of moved labels.
        """
        seeds = iter(_seeds(seed))
        images = tf.cast(images, tf.float32)
        batch, height, width = tf.shape(images)[0], tf.shape(images)[1], tf.shape(images)[2]
        out = (height, width) if self.size is None else (self.size, self.size)

        def draw(low, high, shape=()):
            return tf.random.stateless_uniform((batch, *shape), next(seeds), low, high)

        mirrored = self.mirrored(batch, seed)
        next(seeds)  # was drawn by `mirrored`
        size = draw(1.0 - self.scale, 1.0 + self.scale)
        angle = draw(-self.rotate, self.rotate) * (3.141592653589793 / 180.0)
        move = draw(-self.shift, self.shift, (2,))
        matrix = _output_to_input(mirrored, size, angle, move, (height, width), out)
        images = tf.raw_ops.ImageProjectiveTransformV3(
            images=images,
            transforms=matrix,
            output_shape=tf.stack(out),
            fill_value=0.0,
            interpolation="BILINEAR",
            fill_mode="REFLECT",
        )
        moved = {
            name: _move_points(labels, mirror, mirrored, size, angle, move)
            for name, (labels, mirror) in points.items()
        }
        images = self._colours(images, draw)
        images = self._erase(images, draw, *out)
        return tf.clip_by_value(images, 0.0, 255.0), moved

    def mirrored(self, rows, seed):
        """Which of `rows` pictures a call with this seed mirrors, `(rows,)` bool."""
        return tf.random.stateless_uniform((rows,), _seeds(seed)[0], 0.0, 1.0) < self.flip

    def _colours(self, images, draw):
        luminance = tf.constant([0.299, 0.587, 0.114])
        grey = tf.cast(draw(0.0, 1.0) < self.grey, tf.float32)[:, None, None]
        # Contrast and brightness are two columns of one draw.
        change = draw(-1.0, 1.0, (2,))[:, :, None, None]
        gain, move = 1.0 + change[:, 0] * self.contrast, change[:, 1] * (255.0 * self.brightness)
        # All three are one 3 x 3 matrix and an offset a picture: one pass over the pixels.
        matrix = grey * tf.tile(luminance[:, None], [1, 3]) + (1.0 - grey) * tf.eye(3)
        mean = tf.reduce_mean(tf.reduce_mean(images, [1, 2])[:, None] @ matrix, 2, keepdims=True)
        shape = tf.shape(images)
        pixels = tf.reshape(images, (shape[0], -1, 3)) @ (matrix * gain)
        return tf.reshape(pixels + (mean * (1.0 - gain) + move), shape)

    def _erase(self, images, draw, height, width):
        if not self.erase:
            return images
        box = draw(0.0, 1.0, (5,))
        area = 0.10 + 0.15 * box[:, 0]
        ratio = tf.exp((box[:, 1] - 0.5) * 1.2)
        tall, broad = tf.sqrt(area * ratio), tf.sqrt(area / ratio)
        top, left = box[:, 2] * (1.0 - tall), box[:, 3] * (1.0 - broad)
        y = (tf.cast(tf.range(height), tf.float32) + 0.5) / tf.cast(height, tf.float32)
        x = (tf.cast(tf.range(width), tf.float32) + 0.5) / tf.cast(width, tf.float32)
        rows = (y >= top[:, None]) & (y < (top + tall)[:, None]) & (box[:, 4:] < self.erase)
        columns = (x >= left[:, None]) & (x < (left + broad)[:, None])
        # Blended with colour folded into the columns: tf.where costs a CPU four times as much.
        rows = tf.cast(rows, tf.float32)
        columns = tf.repeat(tf.cast(columns, tf.float32), 3, axis=1)
        inside, shape = rows[:, :, None] * columns[:, None, :], tf.shape(images)
        pixels = tf.reshape(images, (shape[0], shape[1], -1))
        return tf.reshape(pixels + inside * (127.5 - pixels), shape)


def _seeds(seed) -> list:
    """The seeds of a call's draws, in their order."""
    return tf.unstack(tf.random.experimental.stateless_split(seed, 9))


def _output_to_input(mirrored, size, angle, move, inside, outside):
    """`(batch, 8)` projective transforms from output pixels to input pixels."""
    in_y, in_x = (tf.cast(side, tf.float32) for side in inside)
    out_y, out_x = (tf.cast(side, tf.float32) for side in outside)
    cos, sin = tf.cos(angle) / size, tf.sin(angle) / size
    sign = tf.where(mirrored, -1.0, 1.0)
    # In shares of the side, around the centre: undo the move, then turn and size, then the mirror.
    a0, a1, b0, b1 = sign * cos, sign * sin, -sin, cos
    a2, b2 = -a0 * move[:, 0] - a1 * move[:, 1], -b0 * move[:, 0] - b1 * move[:, 1]
    # A pixel's centre lies half a pixel inside: share = (pixel + 0.5) / side - 0.5.
    middle_x, middle_y = 0.5 / out_x - 0.5, 0.5 / out_y - 0.5
    a2 = (a2 + a0 * middle_x + a1 * middle_y + 0.5) * in_x - 0.5
    b2 = (b2 + b0 * middle_x + b1 * middle_y + 0.5) * in_y - 0.5
    zero = tf.zeros_like(cos)
    scaled = [a0 * in_x / out_x, a1 * in_x / out_y, a2, b0 * in_y / out_x, b1 * in_y / out_y, b2]
    return tf.stack([*scaled, zero, zero], axis=1)


def _move_points(labels, mirror, mirrored, size, angle, move):
    """Points `(batch, points, 2)` in 0..1 carried along by the same move."""
    swapped = tf.gather(labels, tf.constant(mirror), axis=1) * [-1.0, 1.0] + [1.0, 0.0]
    points = tf.where(mirrored[:, None, None], swapped, labels) - 0.5
    cos, sin = (tf.cos(angle) * size)[:, None], (tf.sin(angle) * size)[:, None]
    x = cos * points[..., 0] - sin * points[..., 1] + move[:, None, 0]
    y = sin * points[..., 0] + cos * points[..., 1] + move[:, None, 1]
    return tf.stack([x, y], axis=-1) + 0.5
