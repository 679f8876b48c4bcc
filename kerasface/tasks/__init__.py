"""What can be predicted: each task knows its head, loss, metrics, labels and answers."""

from difflib import get_close_matches

from kerasface.tasks.classification import Classification
from kerasface.tasks.landmarks import Landmarks
from kerasface.tasks.regression import Regression
from kerasface.tasks.task import Task

KINDS = {kind.kind: kind for kind in (Classification, Regression, Landmarks)}

__all__ = ["KINDS", "Classification", "Landmarks", "Regression", "Task", "from_config"]


def from_config(config: dict) -> Task:
    """The task that `Task.get_config` described.

    Args:
        config: `{"kind": ..., "name": ..., ...}`.

    Raises:
        ValueError: an unknown kind; near ones are listed.

    Example:
        >>> from_config({"kind": "classification", "name": "gender", "classes": ["m", "f"]})
        Classification('gender')
    """
    arguments = dict(config)
    kind = arguments.pop("kind", None)
    if kind not in KINDS:
        near = get_close_matches(str(kind), KINDS) or sorted(KINDS)
        raise ValueError(f"no such kind of task; near: {', '.join(near)}. Received: {kind!r}")
    return KINDS[kind](**arguments)
