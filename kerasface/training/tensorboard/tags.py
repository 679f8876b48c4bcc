"""Where an entry of Keras's logs goes: which run, and which tag in it."""

from __future__ import annotations

from collections.abc import Collection, Sequence

TRAIN, VALIDATION = "train", "validation"
# Not a task's, but of the adversary: `domain_probe` is `domain/probe`.
GROUPS = ("domain",)


def place(key: str, tasks: Sequence[str], metrics: Collection[str] = ()) -> tuple[str, str]:
    """Run and tag of an entry of the logs.

    `expression_accuracy` is `expression/accuracy` in the run `train`, `val_expression_accuracy`
    the same tag in the run `validation`, so both are lines of one chart. What belongs to no task
    (`loss`, and `gradnorm/age` of other callbacks) keeps its name; `domain_probe` and its like
    make a group, whatever the adversary's task is called.

    Args:
        key: the entry's name.
        tasks: names of the tasks; of several that fit ("age", "age_group") the longest counts.
        metrics: names of a task's metrics. Keras leaves the task's name away where there is
            only one; its entries get it back, so that runs of one and of several tasks compare.

    Example:
        >>> place("val_age_group_accuracy", ["age", "age_group"])
        ('validation', 'age_group/accuracy')
    """
    run = VALIDATION if key.startswith("val_") else TRAIN
    name = key.removeprefix("val_")
    owners = [task for task in (*tasks, *GROUPS) if name.startswith(f"{task}_")]
    if owners:
        task = max(owners, key=len)
        name = f"{task}/{name.removeprefix(task + '_')}"
    elif len(tasks) == 1 and name in metrics:
        name = f"{tasks[0]}/{name}"
    return run, name


def set_run(name: str) -> str:
    """The run of a validation set."""
    return f"{VALIDATION}-{name}"
