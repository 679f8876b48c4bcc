"""Where results of `kerasface analyze` go: formats, resuming, drawn pictures, films, bad input."""

import csv
import io
import json

import numpy as np
import pytest
from PIL import Image

from kerasface.apps import result_table
from kerasface.apps.main import main
from tests.apps.films import FRAMES, film
from tests.apps.numpy_model import MeansRunner, numpy_model
from tests.zoo.conftest import served

__all__ = ["film"]


@pytest.fixture(autouse=True)
def student(monkeypatch):
    monkeypatch.setattr("kerasface.zoo.load", lambda name, **choices: numpy_model(), raising=False)


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "people"
    for name, grey in (("a.png", 10), ("b.png", 250), ("deep/c.png", 128)):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((60, 50, 3), grey, np.uint8)).save(root / name)
    (root / "broken.png").write_bytes(b"\x89PNG broken")
    return root


def run(*words):
    return main(["analyze", *map(str, words), "--detector", "none"])


def table(path):
    parquet = pytest.importorskip("pyarrow.parquet")
    return parquet.read_table(path)


NAMES = ("a.png", "b.png", "broken.png", "deep/c.png")


def test_json_lines_csv_and_parquet_say_the_same(folder, tmp_path, capsys):
    words = folder, "--tasks", "expression,age", "--threshold", "expression=0.9"
    for form in ("jsonl", "csv", "parquet"):
        assert run(*words, "--results", tmp_path / f"faces.{form}") == 0
        out, error = capsys.readouterr()
        assert out.endswith(f"faces.{form}: 4 pictures read, 1 with an error\n")
        assert error.count("\n") == 1 and "broken.png" in error
    records = [json.loads(line) for line in (tmp_path / "faces.jsonl").read_text().splitlines()]
    with (tmp_path / "faces.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    typed = table(tmp_path / "faces.parquet")
    assert [record["image"] for record in records] == [str(folder / name) for name in NAMES]
    assert [row["image"] for row in rows] == typed["image"].to_pylist()
    answers = [face["answers"] for record in records for face in record["faces"]]
    labels = [answer["expression"]["label"] for answer in answers]
    assert labels == ["dark", "bright", None]
    assert [row["expression"] for row in rows] == ["dark", "bright", "", ""]
    assert [row["expression_sure"] for row in rows] == ["true", "true", "", "false"]
    assert typed["expression"].to_pylist() == ["dark", "bright", None, None]
    assert typed["expression_sure"].to_pylist() == [True, True, None, False]
    ages = [answer["age"]["value"] for answer in answers]
    assert typed["age"].to_pylist() == [ages[0], ages[1], None, ages[2]]
    assert str(typed.schema.field("face").type) == "int64" and "race" not in typed.schema.names
    assert typed.schema.names == list(rows[0])
    about = json.loads((tmp_path / "faces.csv.about.json").read_text())
    assert about["tasks"] == ["expression", "age"] and about["detector"] == "none"
    assert about["thresholds"] == {"expression": 0.9} and about["runtime"] == "numpy"


def test_format_may_be_named(folder, capsys):
    assert run(folder, "--results", "-", "--format", "jsonl") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [json.loads(line)["image"] for line in lines] == [str(folder / name) for name in NAMES]


def test_json_array_is_as_the_module_writes_it(folder, capsys):
    assert run(folder, "--json", "-") == 0
    out = capsys.readouterr().out
    assert out == json.dumps(json.loads(out), indent=2, ensure_ascii=False) + "\n"


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
def test_resume_reads_what_is_new(folder, tmp_path, capsys, form):
    results = tmp_path / f"faces.{form}"
    words = folder, "--results", results
    assert run(*words) == 0
    assert run(*words) == 2 and "--resume goes on with them" in capsys.readouterr().err
    Image.fromarray(np.full((60, 50, 3), 7, np.uint8)).save(folder / "aa.png")
    assert run(*words, "--resume") == 0
    # Of CSV the last picture is read again, since its rows may not be all there.
    read = "2 pictures" if form == "csv" else "1 picture"
    assert f"{read} read, 0 with an error" in capsys.readouterr().out
    assert run(*words, "--resume") == 0
    if form == "parquet":
        names = table(results)["image"].to_pylist()
    elif form == "csv":
        names = [row["image"] for row in csv.DictReader(io.StringIO(results.read_text()))]
    else:
        names = [json.loads(line)["image"] for line in results.read_text().splitlines()]
    assert sorted(names) == sorted(str(folder / name) for name in (*NAMES, "aa.png"))


def test_results_of_another_run_are_not_added_to(folder, tmp_path, capsys):
    words = folder, "--results", tmp_path / "faces.csv"
    assert run(*words) == 0
    before = (tmp_path / "faces.csv").read_bytes()
    capsys.readouterr()
    assert run(*words, "--resume", "--tasks", "age") == 2
    assert "another run" in (error := capsys.readouterr().err) and "different tasks" in error
    (tmp_path / "faces.csv.about.json").unlink()
    assert run(*words, "--resume") == 2
    assert "does not say what run" in capsys.readouterr().err
    assert (tmp_path / "faces.csv").read_bytes() == before


def test_ctrl_c_leaves_whole_pictures_and_says_how_to_go_on(folder, tmp_path, capsys, monkeypatch):
    runner, answer = MeansRunner(), MeansRunner.__call__

    def interrupted(self, images):
        if len(self.batches) == 2:
            raise KeyboardInterrupt
        return answer(self, images)

    monkeypatch.setattr(MeansRunner, "__call__", interrupted)
    monkeypatch.setattr("kerasface.zoo.load", lambda name, **choices: numpy_model(runner))
    results = tmp_path / "faces.parquet"
    assert run(folder, "--results", results, "--batch-size", 1) == 130
    assert f"stopped; --resume goes on with {results}" in capsys.readouterr().err
    assert not results.exists()
    monkeypatch.setattr(MeansRunner, "__call__", answer)
    assert run(folder, "--results", results, "--batch-size", 1, "--resume") == 0
    assert "1 picture read, 0 with an error" in capsys.readouterr().out
    assert table(results)["image"].to_pylist() == [str(folder / name) for name in NAMES]


def test_addresses_where_they_are_allowed(folder, capsys):
    with served(folder) as server:
        words = f"{server.url}/b.png", f"{server.url}/none.png", "--results", "-"
        assert run(*words, "--format", "jsonl", "--allow-urls") == 0
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert first["faces"][0]["answers"]["expression"]["label"] == "bright"
    assert "answers 404" in second["error"]


def test_a_table_without_its_library_is_lines(folder, monkeypatch, capsys):
    def missing(records):
        raise ImportError("rich")

    monkeypatch.setattr(result_table, "_print_table", missing)
    assert run(folder, "--tasks", "expression,race") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"{folder / 'a.png'}: dark 100 %, White 20 %")
    assert lines[2].endswith("broken.png: cannot be read") and lines[4].startswith("race: how anno")


def test_tables_come_page_by_page(folder, monkeypatch, capsys):
    monkeypatch.setattr(result_table, "PAGE", 3)
    assert run(folder) == 0
    assert capsys.readouterr().out.count("expression") == 2


def test_drawn_pictures_that_differ_in_their_suffix_alone(folder, tmp_path):
    Image.fromarray(np.zeros((60, 50, 3), np.uint8)).save(folder / "a.jpg")
    assert run(folder, "--out", tmp_path / "drawn", "--json", tmp_path / "all.json") == 0
    found = sorted(str(p.relative_to(tmp_path / "drawn")) for p in tmp_path.glob("drawn/**/*.*"))
    assert found == ["a.jpg.png", "a.png.png", "b.png.png", "deep/c.png"]


def test_drawn_pictures_never_fall_among_the_originals(folder, tmp_path, capsys):
    (folder / "people").mkdir()
    Image.fromarray(np.zeros((9, 9, 3), np.uint8)).save(folder / "people" / "a.png")
    before = (folder / "a.png").read_bytes()
    for out in (folder, folder / "new", tmp_path):  # people/people/a.png would go to people/a.png
        assert run(folder, "--out", out) == 2
    assert run(folder / "a.png", folder / "b.png", "--out", folder) == 2
    assert capsys.readouterr().err.count("would write over a picture") == 4
    assert (folder / "a.png").read_bytes() == before


def test_a_film_line_by_line_and_into_files(film, tmp_path, capsys):
    assert run("--watch", film, "--every", 0.5) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(" s")[0].strip() for line in lines] == ["0.00", "0.50", "1.00"]
    results, drawn = tmp_path / "frames.csv", tmp_path / "drawn"
    assert run("--watch", film, "--results", results, "--out", drawn, "--tasks", "age") == 0
    rows = list(csv.DictReader(io.StringIO(results.read_text())))
    assert [float(row["time"]) for row in rows] == [n / 8 for n in range(FRAMES)]
    assert [row["image"] for row in rows] == [f"{film}#frame={n}" for n in range(FRAMES)]
    assert sorted(p.name for p in drawn.iterdir())[-1] == f"frame-{FRAMES - 1:06d}.png"
    with Image.open(drawn / "frame-000003.png") as frame:
        assert frame.size == (64, 48)


def test_what_cannot_be_watched_is_one_line(tmp_path, capfd):
    (tmp_path / "no.avi").write_bytes(b"no film")
    for source, said in ((tmp_path / "no.avi", "cannot be opened"), ("x.avi", "no such video")):
        assert run("--watch", source) == 2
        out, error = capfd.readouterr()
        assert out == "" and said in error and error.count("\n") == 1
    assert run("--watch", 97) == 2
    # OpenCV, where it was imported before, may have warned by itself.
    assert capfd.readouterr().err.splitlines()[-1] == "error: camera 97 cannot be opened"


@pytest.mark.parametrize(
    "words, said",
    [
        ([], "give pictures or --watch"),
        (["a.png", "--watch", "0"], "give pictures or --watch"),
        (["a.png", "--resume"], "--resume goes on with the --results"),
        (["a.png", "--every", "1"], "--every is of --watch"),
        (["a.png", "--format", "csv"], "--format is of --results"),
        (["a.png", "--results", "faces.txt"], "results end in one of .csv, .jsonl"),
        (["a.png", "--results", "x.json", "--resume"], "csv, jsonl or parquet files"),
        (["a.png", "--results", "-", "--format", "csv", "--resume"], "Received: -"),
        (["--watch", "0", "--out", "x.png"], "frames go to a folder"),
        (["https://example.org/a.png"], "--allow-urls fetches addresses"),
        (["https://example.org/a.png", "--allow-urls", "--out", "x"], "are not drawn"),
        (["a.png", "--threshold", "high"], "Received: 'high'"),
        (["a.png", "--threshold", "2"], "Received: threshold=2"),
        (["a.png", "--detector", "dlib"], "Received: 'dlib'"),
        (["a.png", "--results", "-", "--format", "parquet"], "Parquet goes to a file"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(words, said, folder, capsys, monkeypatch):
    monkeypatch.chdir(folder)
    detector = [] if "--detector" in words else ["--detector", "none"]
    assert main(["analyze", *words, *detector]) == 2
    out, error = capsys.readouterr()
    assert out == "" and said in error and error.count("\n") == 1
