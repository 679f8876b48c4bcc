"""Label files with bytes and numbers that no label file holds: rows in a report, or one line."""

import pytest

from kerasface.data.readers import read
from kerasface.data.readers.lfw_pairs import read_lfw_pairs

HEAD = b"file,age,gender,race,service_test\n"


@pytest.fixture
def fairface(tmp_path):
    """A training list with this row after its head line."""

    def make(row):
        (tmp_path / "train").mkdir(exist_ok=True)
        (tmp_path / "train" / "1.jpg").write_bytes(b"a picture")
        sound = b"train/1.jpg,20-29,Male,White,True\n"
        (tmp_path / "fairface_label_train.csv").write_bytes(HEAD + sound + row)
        return tmp_path

    return make


@pytest.mark.parametrize("row", [b"\xff\xfe,20-29,Male,White,True\n", b"\0,\0\n", b",20-29,,\n"])
def test_bytes_that_are_no_text_cost_their_row(fairface, row):
    table = read("fairface", fairface(row))
    assert [row.image for row in table] == ["train/1.jpg"]
    assert table.report.total_skipped >= 1


def test_a_cell_without_end_names_file_and_line(fairface):
    with pytest.raises(ValueError, match="fairface_label_train.csv line 3: field larger") as error:
        read("fairface", fairface(b"x" * 200_000))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("emotion", ["9" * 5000, "²", "٣٣", "-1", ""])
def test_numbers_that_are_no_class(tmp_path, emotion):
    pixels = " ".join(["0"] * 2304)
    (tmp_path / "fer2013.csv").write_text(f"emotion,pixels,Usage\n{emotion},{pixels},Training\n")
    table = read("fer2013_csv", tmp_path)
    assert len(table) == 0 and table.report.skipped == {"label out of range": 1}


@pytest.mark.parametrize("line", ["A_B\t²\t1", "²", "A\t1\tB\t①"])
def test_digits_that_are_no_numbers(tmp_path, line):
    (tmp_path / "pairs.txt").write_text(line + "\n", encoding="utf-8")
    with pytest.raises(ValueError, match="pairs.txt line 1: no pair of pictures"):
        read_lfw_pairs(tmp_path / "pairs.txt")
