"""The rows of the tables: what each method trains on, and with what."""

from __future__ import annotations

from dataclasses import dataclass

# The three sets of a run by the task whose labels they bring, and their rows in the paper's batch.
ROWS = {"age": 32, "gender": 32, "expression": 64}
SETS = tuple(ROWS)
ROWS_IN_BATCH = sum(ROWS.values())
# Forms of the domain adversary, as arguments of `kerasface.tasks.Domain`. The paper gives neither
# mining nor layers. "triplet-all" is the head that took the domain from the features of UTKFace and
# CK+ (recipes/controls/ADVERSARY.md): semi-hard triplets are soon none, and then nothing is
# reversed. There the shared layer was of 32 and had a rate of its own; at one rate for all, with
# three tasks, it took little and cost gender a point, so the rows have the milder one.
ADVERSARIES = {
    "triplet": {"adversary": "triplet"},
    "triplet-all": {
        "adversary": "triplet",
        "mining": "all",
        "hidden": (),
        "size": 32,
        "normalize": True,
    },
    "softmax": {"adversary": "softmax"},
}


@dataclass(frozen=True)
class Method:
    """One way of training, equal to the others in steps, and where `filled` in pictures seen.

    Args:
        title: as the paper's tables have it.
        sets: that stand in a batch, by the task whose labels they bring.
        tasks: trained, by the set that brings their labels. A set whose task is not trained
            stands in the batch without labels.
        adversary: domain adversary that is trained against, a name of `ADVERSARIES`, or None.
        teacher: method whose finished network labels what is not labelled, or None.
        rate: "exponential", "dynamic", "cosine", "plateau", or "adamw" for AdamW's constant one.
        balancing: of several tasks, a name that `BalancedModel` knows.
        shuffled: sets whose labels are dealt out anew among their pictures.
        corrupted: share of the auxiliary labels (with a teacher: of its labels) that are
            replaced by another class.
        certain: whether a corrupted label of the teacher's keeps its confidence; if not, the
            teacher's views of that picture disagree, see `label_noise.mistaken`.
        threshold: least confidence of a teacher's label, or None for all.
        paper: whether it is a row of the paper's tables.
        filled: whether fewer than three sets fill a batch of 128, or each has as many rows as it
            would have among the three, so that a task sees no more of its own pictures.
    """

    title: str
    sets: tuple[str, ...] = SETS
    tasks: tuple[str, ...] = SETS
    adversary: str | None = None
    teacher: str | None = None
    rate: str = "exponential"
    balancing: str = "gradnorm"
    shuffled: tuple[str, ...] = ()
    corrupted: float = 0.0
    certain: bool = False
    threshold: float | None = None
    paper: bool = True
    filled: bool = True

    @property
    def per_batch(self) -> dict[str, int]:
        """Rows of each set in a batch, the paper's 32, 32 and 64 where there are three."""
        own = {name: ROWS[name] for name in self.sets}
        times = ROWS_IN_BATCH // sum(own.values()) if self.filled else 1
        return {name: times * rows for name, rows in own.items()}


EXPRESSION, AGE, GENDER = ("expression",), ("age",), ("gender",)
# The paper's figure 1: the student is a network of the main task alone, trained on the union of
# true and pseudo-labels. Students of all three tasks stand below the paper's rows.
METHODS = {
    "baseline": Method("Baseline", EXPRESSION, EXPRESSION),
    "2md-mtl": Method("2MD-MTL"),
    "da-2md-mtl": Method("DA-2MD-MTL", adversary="triplet"),
    "distill-baseline": Method("Distill-Baseline", tasks=EXPRESSION, teacher="baseline"),
    "distill-2md-mtl": Method("Distill-2MD-MTL", tasks=EXPRESSION, teacher="2md-mtl"),
    "distill-da-2md-mtl": Method("Distill-DA-2MD-MTL", tasks=EXPRESSION, teacher="da-2md-mtl"),
    "dr-distill-da-2md-mtl": Method(
        "DR-Distill-DA-2MD-MTL", tasks=EXPRESSION, teacher="da-2md-mtl", rate="dynamic"
    ),
    "distill-2md-mtl-three": Method(
        "Distill-2MD-MTL, student of three tasks", teacher="2md-mtl", paper=False
    ),
    "distill-da-2md-mtl-three": Method(
        "Distill-DA-2MD-MTL, student of three tasks",
        adversary="triplet",
        teacher="da-2md-mtl",
        paper=False,
    ),
    "age-baseline": Method("Age alone, 128 in a batch", AGE, AGE, paper=False),
    "age-alone": Method("Age alone, 32 in a batch", AGE, AGE, paper=False, filled=False),
    "gender-baseline": Method("Gender alone, 128 in a batch", GENDER, GENDER, paper=False),
    "gender-alone": Method(
        "Gender alone, 32 in a batch", GENDER, GENDER, paper=False, filled=False
    ),
}
FULL = "dr-distill-da-2md-mtl"
