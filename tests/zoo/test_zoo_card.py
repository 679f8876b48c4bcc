"""Cards say what the manifest says, in a form that Hugging Face reads."""

from dataclasses import replace

import pytest

from kerasface.zoo.card import render_card
from kerasface.zoo.entry import read_manifest
from kerasface.zoo.markdown import millions, slug, table, yaml
from kerasface.zoo.page import render_page


@pytest.fixture
def manifest(entry):
    return read_manifest(entry)


def test_front_matter(manifest):
    head = render_card(manifest).split("---\n")[1].splitlines()
    for line in (
        'library_name: "keras"',
        'license: "other"',
        'license_name: "research-non-commercial"',
        '  - "utkface"',
        "model-index:",
        '          type: "image-classification"',
        '          split: "validation"',
        "            value: 0.9",
    ):
        assert line in head


def test_front_matter_is_yaml(manifest):
    """Read back by a YAML parser of somebody else."""
    parser = pytest.importorskip("yaml")
    from kerasface.zoo.card import front_matter

    assert parser.safe_load(yaml(front_matter(manifest))) == front_matter(manifest)
    awkward = {"a": [], "b": {}, "c": [{"d": [1, {"e": 'say "no": # - é\\'}]}, []], "f": None}
    assert parser.safe_load(yaml(awkward)) == awkward


def test_yaml_by_hand():
    assert yaml({"a": [1, {"b": "c", "d": []}]}) == 'a:\n  - 1\n  - b: "c"\n    d: []'


def test_body(manifest):
    card = render_card(manifest)
    for part in (
        "# tiny 1.0.0",
        "| 1,526 | 0.357 M |",
        'kerasface.zoo.load("tiny@1.0.0")',
        "| gender | classification | male, female | as annotators saw it |",
        "| age | regression | 0 to 116 years | annotators' guesses, not facts about a person |",
        "Crop: eyes and mouth on the template",
        "eyes [0.5, 0.343]",
        'no face is made up: the picture has none, or, with `undetected="whole"`, is read whole',
        "| gender | UTKFace | validation | accuracy | 90.0 % | 80.0 to 95.0 % | 100 | one crop |",
        "| age | UTKFace | validation | mean absolute error (years) | 5.10 | 4.90 to 5.30 | 100 |",
        "| gender | UTKFace | validation | age 0-2 | accuracy | 81.2 % |",
        "| gender | UTKFace | validation | ECE | 3.1 % | 2.0 to 4.0 % |",
        "Not for decisions about people",
        "| UTKFace | 10 | age | research only |",
        "- Weights: research / non-commercial, as | was the data",
        "- Code: Apache-2.0",
        "`recipes/face_zoo/student.py` at commit `0123456789",
        manifest.files["model.weights.h5"].sha256,
    ):
        assert part in card
    assert card.index("## Results") < card.index("## Per group") < card.index("## Reliability")
    assert card.index("## Limits") < card.index("## Training data") < card.index("## Terms")


def test_what_was_not_measured_is_said(manifest):
    bare = replace(manifest, per_group=(), reliability=(), reliability_notes=())
    assert render_card(bare).count("Not measured.") == 2


def test_page_of_all_entries(zoo, manifest):
    page = (zoo / "README.md").read_text()
    assert "[tiny 1.10.0](tiny/1.10.0/README.md)" in page
    assert page.index("tiny 1.10.0") < page.index("tiny 1.0.0")
    assert "as \\| was the data" in page
    assert "No entry is published yet." in render_page([])


def test_words():
    assert [millions(count) for count in (999, 20_000, 1_953_000)] == ["999", "20,000", "1.95 M"]
    assert slug("CelebA (faces)") == "celeba-faces" and slug("é") == "unnamed"
    assert table(["a"], [["x|y"]]) == "| a |\n| --- |\n| x\\|y |"
