"""The rows of the tables: what each method trains on, and with what."""

from __future__ import annotations

from dataclasses import dataclass

ALL_SETS = ("utkface", "fairface", "ck48")
ROWS_IN_BATCH = 128


@dataclass(frozen=True)
class Method:
    """One way of training, equal to the others in steps and pictures seen.

    Args:
        title: as the paper's tables have it.
        sets: that stand in a batch.
        tasks: trained, by the set that brings their labels. A set whose task is not trained
            stands in the batch without labels.
        adversary: domain adversary that is trained against, "triplet" or "softmax", or None.
        teacher: method whose finished network labels what is not labelled, or None.
        rate: "exponential", "dynamic", "cosine", "plateau", or "adamw" for AdamW's constant one.
        balancing: of several tasks, a name that `BalancedModel` knows.
        shuffled: sets whose labels are dealt out anew among their pictures.
        corrupted: share of the auxiliary labels (with a teacher: of its labels) that are
            replaced by another class.
        threshold: least confidence of a teacher's label, or None for all.
        paper: whether it is a row of the paper's tables.
    """

    title: str
    sets: tuple[str, ...] = ALL_SETS
    tasks: tuple[str, ...] = ALL_SETS
    adversary: str | None = None
    teacher: str | None = None
    rate: str = "exponential"
    balancing: str = "gradnorm"
    shuffled: tuple[str, ...] = ()
    corrupted: float = 0.0
    threshold: float | None = None
    paper: bool = True

    @property
    def per_batch(self) -> dict[str, int]:
        """Rows of each set in a batch of 128, the paper's 32, 32 and 64 where there are three."""
        if len(self.sets) == len(ALL_SETS):
            return {"utkface": 32, "fairface": 32, "ck48": 64}
        return dict.fromkeys(self.sets, ROWS_IN_BATCH // len(self.sets))


CK, UTK, FAIR = ("ck48",), ("utkface",), ("fairface",)
# The paper's figure 1: the student is a network of the main task alone, trained on the union of
# true and pseudo-labels. Students of all three tasks stand below the paper's rows.
METHODS = {
    "baseline": Method("Baseline", CK, CK),
    "2md-mtl": Method("2MD-MTL"),
    "da-2md-mtl": Method("DA-2MD-MTL", adversary="triplet"),
    "distill-baseline": Method("Distill-Baseline", tasks=CK, teacher="baseline"),
    "distill-2md-mtl": Method("Distill-2MD-MTL", tasks=CK, teacher="2md-mtl"),
    "distill-da-2md-mtl": Method("Distill-DA-2MD-MTL", tasks=CK, teacher="da-2md-mtl"),
    "dr-distill-da-2md-mtl": Method(
        "DR-Distill-DA-2MD-MTL", tasks=CK, teacher="da-2md-mtl", rate="dynamic"
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
    "age-baseline": Method("Age alone", UTK, UTK, paper=False),
    "gender-baseline": Method("Gender alone", FAIR, FAIR, paper=False),
}
# Percent, as printed: table 1 (CK+), table 3 (trained on CK+, tested on FER2013), and what cannot
# be had here: table 1 (Oulu-CASIA) and table 2 (age on MORPH II, gender on Adience).
PAPER = {
    "baseline": {"ck48": 89.4, "fer2013": 33.1, "oulu": 83.6, "morph": 84.2, "adience": 87.6},
    "2md-mtl": {"ck48": 93.51, "fer2013": 35.6, "oulu": 86.83, "morph": 89.3, "adience": 90.8},
    "da-2md-mtl": {"ck48": 93.4, "fer2013": 36.7, "oulu": 87.1, "morph": 88.9, "adience": 91.4},
    "distill-baseline": {
        "ck48": 89.2,
        "fer2013": 34.7,
        "oulu": 84.1,
        "morph": 84.9,
        "adience": 87.9,
    },
    "distill-2md-mtl": {
        "ck48": 94.5,
        "fer2013": 38.4,
        "oulu": 89.13,
        "morph": 89.8,
        "adience": 91.2,
    },
    "distill-da-2md-mtl": {
        "ck48": 96.73,
        "fer2013": 38.1,
        "oulu": 89.3,
        "morph": 89.5,
        "adience": 91.7,
    },
    "dr-distill-da-2md-mtl": {
        "ck48": 97.68,
        "fer2013": 38.9,
        "oulu": 90.1,
        "morph": 90.3,
        "adience": 92.9,
    },
}
