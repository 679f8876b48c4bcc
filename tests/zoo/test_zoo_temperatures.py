"""Temperatures of an entry: what a manifest may say, what a card shows, what a model has."""

import pytest

from kerasface.zoo import load, publish
from kerasface.zoo.card import render_card
from kerasface.zoo.check import check_entry
from kerasface.zoo.entry import read_manifest
from kerasface.zoo.errors import ManifestError
from kerasface.zoo.manifest import parse
from kerasface.zoo.schema import to_json

PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 20
MEASURED = {
    "dataset": "UTKFace",
    "split": "validation, other half",
    "ece_before": 0.081,
    "ece_after": 0.012,
    "nll_before": 0.61,
    "nll_after": 0.52,
    "n": 50,
}
FACT = {
    "task": "gender",
    "temperature": 1.75,
    "fitted_on": "half of the people",
    "fitted": 51,
    "measures": [MEASURED],
    "answered": [
        {"threshold": 0.5, "answered": 1.0, "accuracy": 0.9},
        {"threshold": 0.95, "answered": 0.0},
    ],
    "figure": "figures/sure.png",
}


@pytest.fixture(scope="module")
def sure(make_model, facts, tmp_path_factory):
    """A published entry with a temperature; not to be written to."""
    root = tmp_path_factory.mktemp("sure")
    picture = root / "sure.png"
    picture.write_bytes(PNG)
    more = {**facts, "figures": {picture: "Sure or right"}}
    return publish(make_model(), "sure", "1.0.0", root=root / "zoo", temperatures=[FACT], **more)


def test_what_a_loaded_model_knows(sure, entry):
    assert load(sure).temperatures == {"gender": 1.75}
    assert load(entry).temperatures == {}


def test_the_card_shows_it(sure, entry):
    card = render_card(check_entry(sure))
    for part in (
        "## Calibrated confidence",
        "| gender | 1.750 | UTKFace | validation, other half | 8.1 % | 1.2 % | 0.610 | 0.520 |",
        "- gender: fitted on half of the people (51 faces).",
        "| gender | 100 %, 90.0 % right | 0 %, none |",
    ):
        assert part in card
    assert card.count("![Sure or right](figures/sure.png)") == 1
    assert card.index("## Reliability") < card.index("figures/sure.png") < card.index("## Limits")
    assert "Calibrated" not in render_card(read_manifest(entry))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"task": "age"}, "one of the classifications .'gender'."),
        ({"task": "smile"}, "one of the classifications .'gender'."),
        ({"temperature": 0.0}, "temperature must be from 0.05 to 20"),
        ({"temperature": "1"}, "temperature must be a finite number"),
        ({"measures": []}, "measures must be a list of 1"),
        ({"measures": [{**MEASURED, "ece_after": 1.2}]}, "ece_after must be from 0 to 1"),
        ({"figure": "figures/other.png"}, "figures/other.png is not among figures"),
        ({"answered": FACT["answered"][::-1]}, "of rising thresholds"),
        (
            {"answered": [{"threshold": t, "answered": t} for t in (0.5, 0.6)]},
            "of falling shares",
        ),
    ],
)
def test_what_a_manifest_may_not_say(sure, change, message):
    document = to_json(read_manifest(sure))
    document["temperatures"][0] |= change
    with pytest.raises(ManifestError, match=message):
        parse(document)


def test_a_task_has_one_temperature(sure):
    document = to_json(read_manifest(sure))
    document["temperatures"] *= 2
    with pytest.raises(ManifestError, match="temperatures must be of different tasks"):
        parse(document)
