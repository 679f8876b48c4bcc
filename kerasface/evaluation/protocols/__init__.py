"""How a model is tested: which rows train and test, what is asked, measured and averaged.

`PROTOCOLS` is the whole list; `kerasface evaluate MODEL --protocol NAME --data DIR` runs one.
"""

from kerasface.evaluation.protocols.named import PROTOCOLS, find_protocol
from kerasface.evaluation.protocols.protocol import Protocol
from kerasface.evaluation.protocols.splits import (
    Split,
    for_selection,
    load_splits,
    portion,
    rows_of,
    save_splits,
    subject_kfold,
    without_near_duplicates,
)
from kerasface.evaluation.protocols.splitting import Folds, Portion, Stated
from kerasface.evaluation.protocols.targets import (
    ClassTarget,
    NumberTarget,
    TwoAges,
    two_ages,
    two_ages_task,
    with_two_ages,
)
from kerasface.evaluation.protocols.views import (
    AllRows,
    Tested,
    WithoutClasses,
    WithoutNearDuplicates,
)

__all__ = [
    "PROTOCOLS",
    "AllRows",
    "ClassTarget",
    "Folds",
    "NumberTarget",
    "Portion",
    "Protocol",
    "Split",
    "Stated",
    "Tested",
    "TwoAges",
    "WithoutClasses",
    "WithoutNearDuplicates",
    "find_protocol",
    "for_selection",
    "load_splits",
    "portion",
    "rows_of",
    "save_splits",
    "subject_kfold",
    "two_ages",
    "two_ages_task",
    "with_two_ages",
    "without_near_duplicates",
]
