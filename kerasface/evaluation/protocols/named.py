"""The protocols by name. A new one is one line here."""

from __future__ import annotations

import difflib

from kerasface.data.readers.utkface import NEAR_BITS
from kerasface.data.readers.vocabulary import CONTEMPT, EXPRESSIONS, GENDERS
from kerasface.evaluation.protocols.protocol import Protocol
from kerasface.evaluation.protocols.splitting import Folds, Portion, Stated
from kerasface.evaluation.protocols.targets import ClassTarget, NumberTarget, TwoAges
from kerasface.evaluation.protocols.views import (
    AllRows,
    WithoutClasses,
    WithoutNearDuplicates,
)

SIX = EXPRESSIONS[:-1]  # what CK+, Oulu-CASIA and FER2013 share
FER2013 = ("fer2013", "fer2013_csv")
CK48, OULU = ("ck48",), ("oulu_casia",)
OLDEST = 116

CK_EXPRESSION = ClassTarget("expression", (*SIX, CONTEMPT))
OULU_EXPRESSION = ClassTarget("expression", SIX)
FER_EXPRESSION = ClassTarget("expression", EXPRESSIONS)
# A network that never saw a neutral face cannot answer it; contempt is no class of FER2013.
ACROSS = ClassTarget("expression", EXPRESSIONS, answerable=SIX)
GENDER = ClassTarget("gender", GENDERS)
AGE = NumberTarget("age", "years", (0, OLDEST))
SEVEN_AND_SIX = (
    AllRows("seven classes", "all seven classes; neutral cannot be answered and counts as wrong"),
    WithoutClasses("six classes", "the six classes that both sets have", ("neutral",)),
)
BOTH = (AllRows(), WithoutNearDuplicates())
# Near-duplicates leave the training side of a split, whichever it is, when one trains.
UTKFACE = {"options": {"drop_near": False}, "near_bits": NEAR_BITS}

_ALL = (
    Protocol(
        "ck48_10fold",
        "CK+, seven expressions with contempt, ten folds by subject in the order of sha1(subject)",
        CK48,
        CK_EXPRESSION,
        Folds(10),
    ),
    Protocol(
        "ck48_10fold_10times",
        "CK+ as ck48_10fold, ten times with people dealt out anew",
        CK48,
        CK_EXPRESSION,
        Folds(10, 10),
    ),
    Protocol(
        "oulu_casia_10fold",
        "Oulu-CASIA (visible, strong light, last three frames), six expressions, ten folds by "
        "subject",
        OULU,
        OULU_EXPRESSION,
        Folds(10),
    ),
    Protocol(
        "ck48_to_fer2013",
        "expression learnt on CK+ alone, tested on FER2013's PublicTest (validation) part",
        FER2013,
        ACROSS,
        Stated("validation"),
        SEVEN_AND_SIX,
        CK48,
    ),
    Protocol(
        "oulu_casia_to_fer2013",
        "expression learnt on Oulu-CASIA alone, tested on FER2013's PublicTest (validation) part",
        FER2013,
        ACROSS,
        Stated("validation"),
        SEVEN_AND_SIX,
        OULU,
    ),
    Protocol(
        "fer2013",
        "FER2013's official parts: Training trains, PublicTest (validation) tests",
        FER2013,
        FER_EXPRESSION,
        Stated("validation"),
        BOTH,
    ),
    Protocol(
        "fer2013_private",
        "FER2013's official parts: Training trains, PrivateTest tests",
        FER2013,
        FER_EXPRESSION,
        Stated("test"),
    ),
    Protocol(
        "utkface_age",
        "UTKFace, age in years, the tenth of the names with sha1(name) % 10 == 1 tests",
        ("utkface",),
        AGE,
        Stated("validation"),
        **UTKFACE,
    ),
    Protocol(
        "utkface_two_ages",
        "UTKFace, younger than 38 against older than 43, the rest ignored; the tenth of the names "
        "with sha1(name) % 10 == 1 tests",
        ("utkface",),
        TwoAges(),
        Stated("validation"),
        **UTKFACE,
    ),
    Protocol(
        "utkface_gender",
        "UTKFace, gender as annotators saw it; the tenth of the names with sha1(name) % 10 == 1 "
        "tests",
        ("utkface",),
        GENDER,
        Stated("validation"),
        **UTKFACE,
    ),
    Protocol(
        "utkface_two_ages_4to1",
        "UTKFace, younger than 38 against older than 43, four to one by the hash of the row",
        ("utkface",),
        TwoAges(),
        Portion(5),
        **UTKFACE,
    ),
    Protocol(
        "utkface_gender_4to1",
        "UTKFace, gender as annotators saw it, four to one by the hash of the row",
        ("utkface",),
        GENDER,
        Portion(5),
        **UTKFACE,
    ),
    Protocol(
        "morph2_two_ages_4to1",
        "MORPH II, younger than 38 against older than 43, four to one by subject",
        ("morph2",),
        TwoAges(),
        Portion(5),
    ),
    Protocol(
        "adience_gender_4to1",
        "Adience, gender as annotators saw it, four to one by the user's album",
        ("adience",),
        GENDER,
        Portion(5),
    ),
    Protocol(
        "fairface_gender",
        "FairFace, gender as annotators saw it; the tenth of the training names with "
        "sha1(name) % 10 == 1 tests",
        ("fairface",),
        GENDER,
        Stated("validation"),
    ),
)
PROTOCOLS = {protocol.name: protocol for protocol in _ALL}


def find_protocol(name: str) -> Protocol:
    """The protocol of that name.

    Raises:
        ValueError: there is none; near names are listed.

    Example:
        >>> find_protocol("ck48_10fold").splitting
        Folds(folds=10, repeats=1)
    """
    if name not in PROTOCOLS:
        near = difflib.get_close_matches(name, PROTOCOLS, n=3, cutoff=0.4) or list(PROTOCOLS)
        raise ValueError(f"no protocol of that name; near are {', '.join(near)}. Received: {name}")
    return PROTOCOLS[name]
