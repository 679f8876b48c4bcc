"""What every model over tasks shares: defaults of `compile`, and logs of what was measured."""

from __future__ import annotations

from contextlib import nullcontext

import keras
from keras import ops

from kerasface.models.measured_logs import DropUnmeasured, measured
from kerasface.ops.masking import as_mask


class PartialLabelsModel(keras.Model):
    """A Keras model with `tasks` whose batches have labels for only some of them.

    Stock training loop; a subclass sets `self.tasks` and defines `call`, images to a dict of
    outputs by task name. The batches follow `kerasface.data.batches`: labels and sample weights
    are dicts by task name, and an unlabelled row has weight 0.
    """

    def compile(self, optimizer="adamw", loss=None, weighted_metrics=None, **kwargs):
        """As `keras.Model.compile`; the tasks' own losses and metrics where none are given."""
        super().compile(
            optimizer=optimizer,
            loss=loss or {task.name: task.make_loss() for task in self.tasks},
            weighted_metrics=weighted_metrics
            or {task.name: task.make_metrics() for task in self.tasks},
            **kwargs,
        )

    def compile_from_config(self, config):
        """Compiles as the saved model was; Keras does so only where `compile` is its own."""
        self.compile(**keras.saving.deserialize_keras_object(config))
        self.optimizer.build(self.trainable_variables)

    def fit(self, x=None, *args, callbacks=None, **kwargs):
        """As `keras.Model.fit`; what was measured on no row is absent from the logs.

        A `tf.data.Dataset` brings its own order, so `shuffle` is off for one unless asked for.
        """
        if hasattr(x, "element_spec"):
            kwargs.setdefault("shuffle", False)
        self._build_optimizer()
        given = callbacks if isinstance(callbacks, (list, tuple)) else [callbacks]
        given = [DropUnmeasured(), *(each for each in given if each is not None)]
        return super().fit(x, *args, callbacks=given, **kwargs)

    def _build_optimizer(self):
        """Its variables, before a step is traced that would make them and be traced again."""
        optimizer = getattr(self, "optimizer", None)
        if optimizer is None or optimizer.built:
            return
        strategy = getattr(self, "distribute_strategy", None)  # on TensorFlow
        with nullcontext() if strategy is None else strategy.scope():
            optimizer.build(self.trainable_variables)

    def evaluate(self, *args, return_dict=True, **kwargs):
        """As `keras.Model.evaluate`, by default as a dict without what was not measured."""
        logs = super().evaluate(*args, return_dict=return_dict, **kwargs)
        return measured(logs) if isinstance(logs, dict) else logs

    def network(self) -> PartialLabelsModel:
        """The model that answers: itself, or the one it trains."""
        return self

    def own_labels(self, labels):
        """The labels without what a step brings beside them, such as a teacher's outputs."""
        return labels

    def loss_trackers(self) -> list:
        """Metrics that `task_losses` updates in training."""
        return []

    def task_losses(self, losses, images, labels, outputs, sample_weight=None, training=True):
        """Each task's loss apart, for those who weigh them: the sum is the loss of `fit`.

        Args:
            losses: by task name a `keras.losses.Loss`; a task without one is left out.
            images: the batch.
            labels: by task name.
            outputs: by task name.
            sample_weight: by task name `(batch,)`, or None where every row is labelled.
            training: False in `evaluate`.

        Returns:
            Two dicts by task name of scalars: the loss, exactly 0 where no row has a label; and
            how many rows it is of, float32.
        """
        values, rows = {}, {}
        for name, loss in losses.items():
            weight = None if sample_weight is None else sample_weight[name]
            values[name] = loss(labels[name], outputs[name], sample_weight=weight)
            counted = ops.ones_like(outputs[name][..., 0]) if weight is None else as_mask(weight)
            rows[name] = ops.sum(ops.cast(counted, "float32"))
        return values, rows
