"""The benchmark of faults counts right, and sees what is lost."""

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks import faults


def suites(lost=()):
    counted = faults.Suite({"damage": 3, "paths": 2}, list(lost), {"slowest_seconds": 0.5})
    return {"zoo": lambda options, scratch: counted}


def test_nothing_lost(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(faults, "SUITES", suites())
    assert faults.main(["--results", str(tmp_path)]) == 0
    result = json.loads((tmp_path / "faults.json").read_text())
    facts = result["facts"]
    assert (facts["tried"], facts["survived"], facts["lost"]) == (5, 5, 0)
    assert result["ratios"][0]["met"] is True
    page = (tmp_path / "faults.md").read_text()
    assert (
        "| zoo | damage | 3 | 3 | 0 |" in page and "| **all** |  | **5** | **5** | **0** |" in page
    )
    assert "zoo: slowest seconds 0.5" in page and "smoke" not in page
    assert "lost: 0 of 5" in capsys.readouterr().out


def test_what_is_lost_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(faults, "SUITES", suites([("paths", "a|b `x`")]))
    assert faults.main(["--smoke", "--results", str(tmp_path)]) == 1
    page = (tmp_path / "faults.md").read_text()
    assert "| zoo | paths | 2 | 1 | 1 |" in page and "- lost: zoo, paths: `a|b x`" in page
    assert "A smoke run" in page
    assert json.loads((tmp_path / "faults.json").read_text())["ratios"][0]["met"] is False


@pytest.mark.parametrize(
    ("found", "lost"),
    [
        ({"lost": [], "label": {"files": 9, "unreadable": 4}}, []),
        ({"lost": [["CMYK", 7, "Hang"]], "label": {"error": "full"}},
         [("CMYK", "picture 7: Hang"), ("labelling of all files", "full")]),
    ],
)  # fmt: skip
def test_pictures_are_counted_by_kind(tmp_path, monkeypatch, found, lost):
    answer = {"tried": {"CMYK": 9}, "answered": {"CMYK": 8}, "slowest_seconds": 1.0}
    answer |= {"grown_mb": 3.0, **found}

    class Done:
        returncode, stdout, stderr = 0, "noise\n" + json.dumps(answer), ""

    monkeypatch.setattr(faults.subprocess, "run", lambda *words, **more: Done)
    options = faults.argparse.Namespace(pictures=9, seed=1)
    suite = faults.pictures(options, tmp_path)
    assert suite.tried == {"CMYK": 9, "labelling of all files": 1} and suite.lost == lost


def test_a_crash_loses_all_pictures(tmp_path, monkeypatch):
    class Crashed:
        returncode, stdout, stderr = -11, "", "Segmentation fault"

    monkeypatch.setattr(faults.subprocess, "run", lambda *words, **more: Crashed)
    suite = faults.pictures(faults.argparse.Namespace(pictures=9, seed=1), tmp_path)
    assert suite.lost == [("all", "exit code -11: Segmentation fault")]


REPORT = """<testsuites><testsuite>
<testcase classname="tests.test_shards" name="a"/>
<testcase classname="tests.test_shards" name="b"><failure message="no end&#10;more"/></testcase>
<testcase classname="tests.test_shards" name="c"><skipped message="no such disk"/></testcase>
<testcase classname="tests.test_page" name="d"><error message="setup"/></testcase>
</testsuite></testsuites>"""


def test_tests_are_counted_by_file():
    suite = faults.counted(ElementTree.ElementTree(ElementTree.fromstring(REPORT)))
    assert suite.tried == {"shards": 2, "page": 1}
    assert suite.lost == [("shards", "b: no end"), ("page", "d: setup")]


def test_files_of_the_suites_exist():
    """Named in the code; a file that moves would be a suite that tries nothing."""
    root = faults.ROOT / "tests"
    source = Path(faults.__file__).read_text(encoding="utf-8")
    for name in ("label_files", "label_files_spoilt", "manifests_spoilt", "shards"):
        assert f'"{name}"' in source and (root / "faults" / f"test_{name}.py").is_file()
    assert "tests/apps/test_page.py" in source and (root / "apps" / "test_page.py").is_file()


@pytest.mark.slow
def test_faults_of_the_zoo_are_those_of_the_tests(tmp_path):
    suite = faults.zoo(faults.argparse.Namespace(smoke=True), tmp_path)
    assert suite.lost == [] and sum(suite.tried.values()) >= 5
