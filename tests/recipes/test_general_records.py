"""What the general model's tables leave behind: records, the card's numbers, the committed page."""

import json

import numpy as np
import pytest

from recipes.general_knowledge import (
    page,
    publish,
    records,
    results,
    sets,
    sources,
    students,
    tables,
)


def test_a_card_says_what_the_student_is_worth_and_by_how_many_trainings():
    def ways(frozen, tuned, scratch):
        numbers = {"unique": (frozen, [0]), "unique-tuned": (tuned, [0, 1]), "cnn": scratch}
        return {way: {"value": value, "seeds": seeds} for way, (value, seeds) in numbers.items()}

    whole = {
        "age-utkface": ways(6.52, 6.69, (10.54, [0, 1, 2])),
        "posed-ck": ways(81, 85, (83, [0])),
    }
    del whole["posed-ck"]["cnn"]  # not there yet
    found = {"targets": whole, "reconstruction": {"unique": {"age": 0.35, "average": 0.3}}}
    _, age, trainings, kept = publish.limits_of(found)
    assert "age, UTKFace, mean error in years: 6.5 frozen, 6.7 fine-tuned" in age and "10.5" in age
    assert "means over 2 to 3 trainings" in trainings and "age 0.35" in kept
    whole["age-utkface"]["cnn"]["seeds"].pop()
    assert "means over 2 trainings" in publish.limits_of(found)[2]
    assert len(publish.limits_of({"targets": {}, "reconstruction": {}})) == 1


def test_records_of_other_settings_are_refused(tmp_path):
    records.check_settings(tmp_path, {"images": 3000, "epochs": {"age": 18}})
    records.check_settings(tmp_path, {"images": 3000, "epochs": {"age": 18}})
    with pytest.raises(ValueError, match=r"other settings.*'images': \(3000, 4000\)"):
        records.check_settings(tmp_path, {"images": 4000, "epochs": {"age": 18}})


def test_the_command_says_in_one_line_that_records_are_of_other_settings(tmp_path, capsys):
    records.check_settings(tmp_path / records.FOLDER, {"images": 3})
    with pytest.raises(SystemExit):
        tables.main(["--smoke", "--runs", str(tmp_path), "--render"])
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert "records of other settings" in last and "(3, 3000)" in last


@pytest.mark.parametrize("stage", [sources, students])
def test_a_part_that_is_missing_or_damaged_is_one_line(stage, tmp_path, capsys):
    words = ["--prepared", str(tmp_path / "none"), "--runs", str(tmp_path / "runs")]
    file = tmp_path / "none" / "celeba-source.npz"
    for said in ("is not there: recipes.general_knowledge.sets makes it", "no prepared set"):
        with pytest.raises(SystemExit) as stopped:
            stage.main(words)
        last = capsys.readouterr().err.strip().splitlines()[-1]
        assert stopped.value.code == 2 and str(tmp_path / "none") in last and said in last
        file.parent.mkdir(exist_ok=True)
        for part in sets.PARTS:
            file.with_name(f"{part}.npz").write_bytes(b"PK damaged")


def test_hours_of_several_machines_are_added_and_of_one_replaced(tmp_path):
    kept = tmp_path / "finished"
    for name, spent in (("a", 5.0), ("b", 2.0), ("a", 7.0)):
        (tmp_path / name).mkdir(exist_ok=True)
        records.add_seconds(kept, tmp_path / name, {"way-cnn": spent})
    records.add_seconds(kept, tmp_path / "nothing was run here", {})
    assert records.seconds(kept) == {"way-cnn": 9.0}


def test_scores_of_a_killed_process_do_not_count(tmp_path):
    file = records.score_file(tmp_path, "bct", "age-utkface", 0)
    records.save_score(file, np.array([1.5, 2.5]), ("age", "race"))
    np.savez(file.with_name("age-utkface-s1.77.part.npz"), each=np.zeros(2))
    [found] = records.scores(tmp_path, "bct", "age-utkface")
    assert found.tolist() == [1.5, 2.5] and found.dtype == "float64"
    assert records.chosen(tmp_path, "bct", "age-utkface") == ["age", "race"]
    assert records.chosen(tmp_path, "bct", "race-utkface") == []


def test_the_committed_page_is_that_of_the_committed_numbers_and_records():
    found = json.loads((tables.HERE / "results.json").read_text())
    assert page.render(found) == (tables.HERE / "RESULTS.md").read_text()
    kept = tables.HERE / records.FOLDER
    for target, ways in found["targets"].items():
        for way, number in ways.items():
            each = [scores.mean() for scores in records.scores(kept, way, target)]
            shown = np.multiply(each, results.percent_of(target))
            np.testing.assert_allclose(shown, number["seeds"], rtol=1e-9, err_msg=target)
    for scores in found["sizes"].values():  # else two renderings would differ
        assert list(scores) == [target for target in found["targets"] if target in scores]
