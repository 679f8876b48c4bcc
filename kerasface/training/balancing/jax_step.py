"""A balanced training step on JAX: the state goes in and comes out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import jax
import keras
from jax import numpy as jnp

if TYPE_CHECKING:
    from kerasface.training.balancing.balanced_model import BalancedModel


def train_step(model: BalancedModel, state, data):
    """As `tensorflow_step.train_step`, of `(state, data)`; returns `(logs, state)`."""
    trainable, others, optimizer, metrics = state
    x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
    balancing = model.balancing

    def parts_of(trainable, probe):
        with keras.StatelessScope(
            state_mapping=[
                *zip(model.trainable_variables, trainable, strict=True),
                *zip(model.non_trainable_variables, others, strict=True),
                *zip(model.optimizer.variables, optimizer, strict=True),
                *zip(model.metrics_variables, metrics, strict=True),
            ]
        ) as scope:
            y_pred = model.answer(x, probe)
            parts = model.loss_parts(x, y, y_pred, sample_weight)
            scale = jnp.asarray(model.optimizer.scale_loss(1.0), "float32")
            weighted = parts.losses * balancing.task_weights()
        after = _values(scope, model.non_trainable_variables)
        # Scaled before the backward pass, or small gradients would be lost in float16.
        scaled = jnp.concatenate([weighted, parts.rest[None]]) * scale
        loss = jnp.sum(weighted) + parts.rest
        return scaled, (parts, loss, scale, y_pred, after, _values(scope, model.metrics_variables))

    probe = jnp.zeros(len(model.copies))
    scaled, backward, aux = jax.vjp(parts_of, trainable, probe, has_aux=True)
    parts, loss, scale, y_pred, others, metrics = aux
    gradients, norms = backward(jnp.ones_like(scaled))
    if balancing.norms == "reference":
        norms = _separate_norms(model, backward, len(parts.losses))
    elif balancing.norms is None:
        norms = None
    else:
        norms = norms[jnp.asarray(model.places)]
    trainable, optimizer = model.optimizer.stateless_apply(optimizer, gradients, trainable)

    with keras.StatelessScope(
        state_mapping=[
            *zip(model.non_trainable_variables, others, strict=True),
            *zip(model.metrics_variables, metrics, strict=True),
        ]
    ) as scope:
        reported = loss + balancing.penalty(parts.rows)
        model.balance(parts, None if norms is None else norms / scale)
        logs = model.step_logs(reported, x, y, y_pred, sample_weight)
    others = _values(scope, model.non_trainable_variables)
    metrics = _values(scope, model.metrics_variables)
    return logs, (trainable, others, optimizer, metrics)


def _separate_norms(model, backward, tasks):
    """`(tasks,)` norms of each scaled loss's gradient at the last shared kernel."""
    kernel = model.last_shared_kernel()
    place = next(i for i, each in enumerate(model.trainable_variables) if each is kernel)
    norms = []
    for task in range(tasks):
        # What backward passes of this task compute beside this one gradient the compiler drops.
        gradients, _ = backward(jnp.zeros(tasks + 1).at[task].set(1.0))
        norms.append(jnp.sqrt(jnp.sum(jnp.square(gradients[place].astype("float32")))))
    return jnp.stack(norms)


def _values(scope, variables):
    return [scope.get_current_value(each) for each in variables]
