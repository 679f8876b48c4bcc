"""First stage of FitNets: a student's lower layers learn to answer as a middle layer above."""

from __future__ import annotations

import keras

from kerasface.data.batches import TEACHER, layer_column
from kerasface.models.face_model import FaceModel
from kerasface.models.hidden_layers import hidden_output, up_to_hidden
from kerasface.models.partial_labels import PartialLabelsModel
from kerasface.training.distillation_terms import HiddenTarget


class HintRegression(PartialLabelsModel):
    """Trains a student up to one layer against a layer of its teacher; no label is used.

    The layers above and the heads keep the weights they have: they get no gradient, no weight
    decay and no statistics of batches, and are not even run. They are saved along, so that
    `load_trained` gives the student of the run's folder.

    Args:
        student: `FaceModel`.
        teacher: `FaceModel`, asked for each batch in inference mode; None where the labels hold
            its layer under `TEACHER`.
        target: which layers, the projector between them, and its weight, a factor of the loss:
            the distance is a sum over a whole map, so about one over its number of values keeps
            a usual learning rate from diverging. Its rows are not used: all rows count.

    Raises:
        ValueError: layers that are not there or do not fit.

    Example:

        target = HiddenTarget("group2", "group3", weight=1e-3)
        model = HintRegression(student, teacher, target)
        model.compile(keras.optimizers.SGD(0.01, momentum=0.9, nesterov=True))
        model.fit(mix(sets, per_batch, student.tasks), steps_per_epoch=100, epochs=2)

    Reference:
        Romero et al., "FitNets: hints for thin deep nets" (2015), eq. 3 (which halves the
        distance), with a fully connected projector over channels for the convolutional one.
    """

    def __init__(
        self,
        student: FaceModel,
        teacher: FaceModel | None,
        target: HiddenTarget,
        name: str = "hint_regression",
        **kwargs,
    ):
        super().__init__(name=name, **kwargs)
        self.student, self.tasks, self.target = student, tuple(student.tasks), target
        # In functions: Keras would track the teacher, and the student's layers twice.
        self.ask_lower, lower = up_to_hidden(student, target.student_layer)
        self.lower_weights = lambda: lower.trainable_variables
        self.ask_teacher, shape = None, None
        if teacher is not None:
            self.ask_teacher, _ = up_to_hidden(teacher, target.teacher_layer)
            shape = hidden_output(teacher, target.teacher_layer).shape
        own = hidden_output(student, target.student_layer).shape
        self.projector = target.make_projector(own, shape) or keras.layers.Identity()
        self.built = True

    @property
    def trainable_variables(self) -> list:
        """Those below the layer, and the projector's."""
        return [*self.lower_weights(), *self.projector.trainable_variables]

    @property
    def trainable_weights(self) -> list:
        """As `trainable_variables`: the layers above are not trained."""
        return self.trainable_variables

    def compile(self, optimizer="adamw", **kwargs):
        """As `keras.Model.compile`, without losses and metrics of tasks."""
        keras.Model.compile(self, optimizer=optimizer, **kwargs)

    def call(self, images, training=False):
        """The student's layer through the projector, `(batch, ...)` as the teacher's."""
        return self.projector(self.ask_lower(images, training=training))

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """Mean over the rows of the squared distance to the teacher's layer, times the weight."""
        kept = y.get(TEACHER) if isinstance(y, dict) else None
        column = layer_column(self.target.teacher_layer)
        if kept is not None and column in kept:
            hint = kept[column]
        elif self.ask_teacher is not None:
            hint = self.ask_teacher(x, training=False)
        else:
            raise ValueError(
                "without a teacher the labels must hold its layer under TEACHER. "
                f"Received: labels for {sorted(y or {})}"
            )
        loss = self.target.loss(keras.ops.stop_gradient(hint), y_pred)
        return self.target.weight * loss

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        """The loss alone."""
        return self.get_metrics_result()
