"""What can be predicted: each task knows its head, loss, metrics, labels and answers."""

from difflib import get_close_matches

from kerasface.tasks.classification import Classification
from kerasface.tasks.domain import Domain
from kerasface.tasks.embedding import Embedding
from kerasface.tasks.landmarks import Landmarks
from kerasface.tasks.regression import Regression
from kerasface.tasks.soft_labels import SoftClassification, with_soft_labels
from kerasface.tasks.task import Task

KINDS = {
    kind.kind: kind
    for kind in (Classification, Regression, Landmarks, Embedding, Domain, SoftClassification)
}

__all__ = [
    "KINDS",
    "Classification",
    "Domain",
    "Embedding",
    "Landmarks",
    "Regression",
    "SoftClassification",
    "Task",
    "from_config",
    "with_soft_labels",
]


def from_config(config: dict) -> Task:
    """The task that `Task.get_config` described.

    Args:
        config: `{"kind": ..., "name": ..., ...}`.

    Raises:
        ValueError: an unknown kind (near ones are listed), or arguments that it does not take.

    Example:
        >>> from_config({"kind": "classification", "name": "gender", "classes": ["m", "f"]})
        Classification('gender')
    """
    arguments = dict(config)
    kind = arguments.pop("kind", None)
    if kind not in KINDS:
        near = get_close_matches(str(kind), KINDS) or sorted(KINDS)
        raise ValueError(f"no such kind of task; near: {', '.join(near)}. Received: {kind!r}")
    try:
        return KINDS[kind](**arguments)
    except TypeError as error:  # a config comes from a file, so this is bad input and no bug
        raise ValueError(f"no {kind} task can be made: {error}. Received: {config}") from error
