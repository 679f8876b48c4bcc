"""What every model over tasks shares: defaults of `compile`, and logs of what was measured."""

from __future__ import annotations

import keras

from kerasface.models.measured_logs import DropUnmeasured, measured


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
        given = callbacks if isinstance(callbacks, (list, tuple)) else [callbacks]
        given = [DropUnmeasured(), *(each for each in given if each is not None)]
        return super().fit(x, *args, callbacks=given, **kwargs)

    def evaluate(self, *args, return_dict=True, **kwargs):
        """As `keras.Model.evaluate`, by default as a dict without what was not measured."""
        logs = super().evaluate(*args, return_dict=return_dict, **kwargs)
        return measured(logs) if isinstance(logs, dict) else logs
