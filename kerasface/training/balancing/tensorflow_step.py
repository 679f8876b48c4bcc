"""A balanced training step on TensorFlow, on one device or on each of several replicas."""

from __future__ import annotations

from typing import TYPE_CHECKING

import keras
import tensorflow as tf

from kerasface.training.balancing.replicas import replica_count, sum_over_replicas

if TYPE_CHECKING:
    from kerasface.training.balancing.balanced_model import BalancedModel


def train_step(model: BalancedModel, data) -> dict:
    """Forward, backward, the model's optimiser, then the task weights; returns the logs."""
    x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
    norms_by = model.balancing.norms
    probe = tf.zeros([len(model.copies)])
    with tf.GradientTape(persistent=norms_by == "reference") as tape:
        tape.watch(probe)
        y_pred = model.answer(x, probe, sum_over_replicas)
        parts = model.loss_parts(x, y, y_pred, sample_weight)
        weighted = parts.losses * model.balancing.task_weights()
        loss = tf.reduce_sum(weighted) + parts.rest
        scale = tf.convert_to_tensor(model.optimizer.scale_loss(1.0))
        # Scaled before the backward pass, or small gradients would be lost in float16.
        scaled_loss, scaled = loss * scale, tf.unstack(weighted * scale)
    variables = model.trainable_variables
    norms = None
    if norms_by == "reference":
        norms = _separate_norms(tape, scaled, model.last_shared_kernel())
        gradients = tape.gradient(scaled_loss, [each.value for each in variables])
        del tape
    elif norms_by is None:
        gradients = tape.gradient(scaled_loss, [each.value for each in variables])
    else:
        gradients, norms = tape.gradient(scaled_loss, [[each.value for each in variables], probe])
        norms = tf.gather(norms, model.places)
    model.optimizer.apply_gradients(zip(gradients, variables, strict=True))

    whole = parts._replace(
        losses=sum_over_replicas(parts.losses), rows=sum_over_replicas(parts.rows)
    )
    reported = loss * replica_count() + model.balancing.penalty(whole.rows)
    model.balance(whole, None if norms is None else norms / scale)
    return model.step_logs(reported, x, y, y_pred, sample_weight)


def _separate_norms(tape, losses, kernel):
    """`(tasks,)` norms of each loss's gradient at a kernel, over all replicas."""
    norms = []
    for loss in losses:
        gradient = tape.gradient(loss, kernel.value)
        if gradient is None:  # a task without a loss
            gradient = tf.zeros(kernel.shape)
        total = sum_over_replicas(tf.cast(gradient, tf.float32))
        norms.append(tf.sqrt(tf.reduce_sum(tf.square(total))))
    return tf.stack(norms)
