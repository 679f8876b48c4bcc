"""What the README and its companions promise is there: code runs, commands parse, links lead."""

import re
import shlex
from pathlib import Path

import pytest
from PIL import Image

from kerasface.apps.main import build_parser
from recipes.face_zoo import readme_results

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
COMMANDS = re.findall(r"^    (kerasface .*?)\s*(?:#.*)?$", README, re.MULTILINE)


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_python_runs_as_printed(number, monkeypatch, tmp_path, make_face_model, capsys):
    from kerasface.inference import PublishedModel

    model = PublishedModel.from_spec(make_face_model().get_spec())
    monkeypatch.setattr("kerasface.zoo.load", lambda name, **choices: model, raising=False)
    monkeypatch.chdir(tmp_path)
    for name in ("photo.jpg", "face.jpg"):
        Image.new("RGB", (64, 64)).save(name)
    exec(compile(BLOCKS[number], f"README block {number}", "exec"), {})


def test_there_are_examples():
    assert len(BLOCKS) >= 2 and len(COMMANDS) >= 5


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_parse(command):
    assert callable(build_parser().parse_args(shlex.split(command)[1:]).run)


def test_results_are_those_of_the_manifests():
    block = readme_results.render(readme_results.newest(ROOT / "zoo"))
    assert readme_results.filled(README, block) == README


def test_entries_with_no_number_in_common_have_their_own_tables():
    manifests = readme_results.newest(ROOT / "zoo")
    heads = [line for line in readme_results.render(manifests).splitlines() if "| metric |" in line]
    assert any("student@" in head and "teacher@" in head for head in heads)
    assert [head for head in heads if "aligner@" in head and "student@" not in head]


def test_results_of_an_entry(tmp_path, make_face_model):
    from kerasface.tasks import Classification
    from kerasface.zoo import publish

    measured = {"task": "smile", "dataset": "S", "split": "validation", "metric": "accuracy"}
    model = make_face_model(Classification("smile", ("no", "yes")))
    publish(
        model,
        "tiny",
        "1.0.0",
        root=tmp_path,
        description="Never trained.",
        licences={"code": "Apache-2.0", "weights": "none"},
        data=[{"name": "S", "terms": "ours", "labels": ["smile"]}],
        metrics=[{**measured, "value": 0.5, "ci95": (0.4, 0.6), "n": 90, "protocol": "one crop"}],
        crop="template",
        template={"eyes": [0.5, 0.343]},
        resize="bilinear",
        recipe="recipes/face_zoo/train.py",
        commit="0123456789" * 4,
        probe={"count": 1},
    )
    block = readme_results.render(readme_results.newest(tmp_path))
    assert "tiny@1.0.0" in block and "| smile | S, validation, 90 faces | accuracy |" in block
    with pytest.raises(ValueError, match="results:start"):
        readme_results.filled("no marks", block)


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#][^)]*)\)", text):
        assert target.startswith("https://") or (ROOT / target).exists(), target
    headings = {
        re.sub(r"[^a-z0-9 -]", "", line.lstrip("# ").lower()).replace(" ", "-")
        for line in text.splitlines()
        if line.startswith("#")
    }
    assert set(re.findall(r"\]\(#([^)]*)\)", text)) <= headings


@pytest.mark.parametrize("page", PAGES)
def test_named_files_exist(page):
    """Every path in back-quotes below one of our folders; placeholders in <> aside."""
    text = (ROOT / page).read_text(encoding="utf-8")
    for name in re.findall(r"`((?:kerasface|recipes|tests|benchmarks)/[\w./]+)`", text):
        assert (ROOT / name).exists(), name


def test_make_targets_exist():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for page in PAGES:
        text = (ROOT / page).read_text(encoding="utf-8")
        for target in set(re.findall(r"(?:^    |`)make (\w+)", text, re.MULTILINE)):
            assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
