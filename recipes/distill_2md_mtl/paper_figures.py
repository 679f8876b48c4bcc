"""What the paper's tables print, in percent, by the protocol that asks the same here."""

PROTOCOLS = (
    "ck48_10fold",  # table 1
    "oulu_casia_10fold",
    "morph2_two_ages_4to1",  # table 2
    "adience_gender_4to1",
    "ck48_to_fer2013",  # table 3
    "oulu_casia_to_fer2013",
)
_ROWS = {
    "baseline": (89.4, 83.6, 84.2, 87.6, 33.1, 35.2),
    "2md-mtl": (93.51, 86.83, 89.3, 90.8, 35.6, 38.3),
    "da-2md-mtl": (93.4, 87.1, 88.9, 91.4, 36.7, 38.5),
    "distill-baseline": (89.2, 84.1, 84.9, 87.9, 34.7, 35.9),
    "distill-2md-mtl": (94.5, 89.13, 89.8, 91.2, 38.4, 38.7),
    "distill-da-2md-mtl": (96.73, 89.3, 89.5, 91.7, 38.1, 38.5),
    "dr-distill-da-2md-mtl": (97.68, 90.1, 90.3, 92.9, 38.9, 39.7),
}
PAPER = {method: dict(zip(PROTOCOLS, row, strict=True)) for method, row in _ROWS.items()}
