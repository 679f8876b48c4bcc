"""A network with the answers people want of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kerasface.export import registered
from kerasface.inference.analysis import analyze
from kerasface.inference.confidence import temperatures_of
from kerasface.models import FaceModel


@registered
class PublishedModel(FaceModel):
    """A `FaceModel` that reads photographs: what `kerasface.zoo.load` returns.

    Made as `FaceModel` is (`PublishedModel.from_spec(spec)`); a model of your own needs no other
    class, since `kerasface.inference.analyze(model, images)` takes any `FaceModel`.

    Attributes:
        manifest: what the entry says of itself, where the model is from a zoo; else None.

    Example:
        >>> import numpy as np
        >>> from kerasface.tasks import Classification
        >>> spec = {
        ...     "trunk": {"name": "small_resnet", "config": {"widths": [8, 8, 8]}},
        ...     "tasks": [Classification("smile", ("no", "yes")).get_config()],
        ...     "input": {"height": 48, "width": 48, "channels": 3},
        ... }
        >>> model = PublishedModel.from_spec(spec)
        >>> len(model.analyze([np.zeros((60, 60, 3), np.uint8)])[0]["faces"])
        1
    """

    manifest: Any = None

    @property
    def temperatures(self) -> dict[str, float]:
        """Fitted temperature by classification task, {} where the entry has none.

        For `kerasface.inference.calibrated`; outputs of the model itself are not scaled.
        """
        return temperatures_of(self.manifest)

    def analyze(
        self,
        images: Any,
        tasks: Sequence[str] | str | None = None,
        detector: Any = None,
        batch_size: int = 64,
    ) -> list[dict]:
        """Reads every face of one or more pictures; see `kerasface.inference.analyze`."""
        return analyze(self, images, tasks=tasks, detector=detector, batch_size=batch_size)
