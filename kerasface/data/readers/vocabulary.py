"""Names of labels that the readers share, in the order in which models use them."""

EXPRESSIONS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
CONTEMPT = "contempt"  # CK+ and AffectNet have it, FER2013 does not
GENDERS = ("male", "female")
AGE_GROUPS = (
    "0-2",
    "3-9",
    "10-19",
    "20-29",
    "30-39",
    "40-49",
    "50-59",
    "60-69",
    "more than 70",
)
RACES = ("White", "Black", "Asian", "Indian", "Other")
RACES7 = (
    "White",
    "Black",
    "Latino_Hispanic",
    "East Asian",
    "Southeast Asian",
    "Indian",
    "Middle Eastern",
)
SMILES = ("smiling", "not smiling")
GLASSES = ("glasses", "no glasses")
POSES = ("left profile", "left", "frontal", "right", "right profile")

OTHER_WORDS = {
    "anger": "angry",
    "disgusted": "disgust",
    "fearful": "fear",
    "afraid": "fear",
    "happiness": "happy",
    "sadness": "sad",
    "surprised": "surprise",
}


def expression(word: str) -> str | None:
    """The shared name of an expression, `None` for a word that is none of them.

    Example:
    >>> expression("Anger"), expression("contempt"), expression("bored")
    ('angry', 'contempt', None)
    """
    plain = word.strip().lower()
    plain = OTHER_WORDS.get(plain, plain)
    return plain if plain in (*EXPRESSIONS, CONTEMPT) else None
