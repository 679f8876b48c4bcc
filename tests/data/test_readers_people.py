"""Readers of identity sets, on tiny trees in each set's own layout."""

import pytest
from PIL import Image

from kerasface.data.readers import read
from kerasface.data.readers.lfw_pairs import FacePair, read_lfw_pairs
from kerasface.data.splits import sha1_split


def draw(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 4), "grey").save(root / name)


def sound(table, domain):
    assert table.report.read == len(table)
    assert all((table.root / row.image).is_file() for row in table)
    assert all(row.domain == domain for row in table)
    return table


def people_of(table, split):
    return {row.subject for row in table if row.split == split}


def test_celeba_faces_split_by_person(tmp_path):
    root = tmp_path / "CelebA"
    draw(root, *(f"img_face/{number:06d}.jpg" for number in range(60)))
    lines = [f"{number:06d}.jpg {1000 + number // 3}" for number in range(59)]
    (root / "identity_CelebA.txt").write_text("\n".join([*lines, "999999.jpg 7", "odd line here"]))
    (root / "gender_folder.csv").write_text(
        "file,gender\n000000.jpg,female\n000001.jpg,male\n000002.jpg,robot\n"
    )
    table = sound(read("celeba", tmp_path), "celeba")
    assert table.rows[0].labels == {"identity": "1000", "gender": "female"}
    assert table.rows[2].labels == {"identity": "1000"}
    assert people_of(table, "train").isdisjoint(people_of(table, "validation"))
    assert all(row.split == sha1_split(row.subject) for row in table)
    assert table.report.skipped == {"no identity listed": 1, "missing file": 1, "bad line": 1}
    assert "gender_folder.csv line 4" in str(table.report)


def celeba_original(root, anno="Anno", evaluation="Eval", images="Img/img_align_celeba"):
    draw(root, *(f"{images}/00000{number}.jpg" for number in (1, 2, 3, 9)))
    for folder in (anno, evaluation):
        (root / folder).mkdir(exist_ok=True)
    (root / anno / "list_attr_celeba.txt").write_text(
        "4\nEyeglasses Male Smiling Young \n"
        "000001.jpg  1 -1  1  1\n000002.jpg -1  1 -1 -1\n000003.jpg -1 1\n000004.jpg 1 1 1 1\n"
    )
    (root / anno / "identity_CelebA.txt").write_text("000001.jpg 2880\n000002.jpg 2937\n")
    (root / anno / "list_landmarks_align_celeba.txt").write_text(
        "2\nlefteye_x lefteye_y righteye_x righteye_y nose_x nose_y leftmouth_x leftmouth_y "
        "rightmouth_x rightmouth_y\n000001.jpg 69 109 106 113 77 142 73 152 108 154\n"
    )
    (root / evaluation / "list_eval_partition.txt").write_text("000001.jpg 0\n000002.jpg 2\nx\n")


def test_celeba_original(tmp_path):
    celeba_original(tmp_path)
    table = sound(read("celeba_original", tmp_path), "celeba")
    first, second = table.rows
    assert first.labels == {
        "gender": "female",
        "smile": "smiling",
        "glasses": "glasses",
        "identity": "2880",
        "landmarks5": [[69, 109], [106, 113], [77, 142], [73, 152], [108, 154]],
    }
    assert second.labels == {
        "gender": "male",
        "smile": "not smiling",
        "glasses": "no glasses",
        "identity": "2937",
    }
    assert (first.split, second.split) == ("train", "test")
    assert table.report.skipped == {"bad line": 1, "missing file": 1}
    assert "2 pictures are not in list_attr_celeba.txt" in str(table.report)
    young = read("celeba_original", tmp_path, attributes=["Young"])
    assert [row.labels["young"] for row in young] == ["yes", "no"]
    with pytest.raises(ValueError, match=r"Received: \['Tall'\]"):
        read("celeba_original", tmp_path, attributes=["Tall"])


def test_celeba_original_with_flat_lists(tmp_path):
    celeba_original(tmp_path, "", "", "img_align_celeba")
    (tmp_path / "identity_CelebA.txt").unlink()
    table = sound(read("celeba_original", tmp_path), "celeba")
    assert len(table) == 2 and table.rows[0].subject is None
    assert "no identity_CelebA.txt" in str(table.report)


def test_lfw_with_points_and_expressions(tmp_path):
    root = tmp_path / "lfw"
    draw(root, "Ann_Lee/Ann_Lee_0001.jpg", "Ann_Lee/Ann_Lee_0002.jpg", "Bo/Bo_0001.jpg")
    draw(root, "Bo/Ann_Lee_0003.jpg", "Bo/portrait.jpg")
    columns = "left_eye right_eye nose mouth_left mouth_right".split()
    head = ",".join(f"{name}_{axis}" for name in columns for axis in "xy")
    (root / "mtcnn_keypoints.csv").write_text(
        f"file,conf,box_x,box_y,box_w,box_h,{head}\n"
        "Ann_Lee_0001.jpg,0.99,0,0,9,9,1,2,3,4,5,6,7,8,9,10\n"
        "Ann_Lee_0002.jpg,0.50,0,0,9,9,1,2,3,4,5,6,7,8,9,10\n"
        "Bo_0001.jpg,0.99,0,0,9,9,1,2,nan,4,5,6,7,8,9,10\n"
    )
    listing = tmp_path / "lfw_expressions.csv"
    listing.write_text(
        "image,emotion\nAnn_Lee_0001.jpg,happiness\nAnn_Lee_0002.jpg,anger\n"
        "Ann_Lee_0002.jpg,sadness\nBo_0001.jpg,bored\nGone_0001.jpg,fear\n"
    )
    table = sound(read("lfw", tmp_path, expressions=listing, min_confidence=0.9), "lfw")
    assert [row.labels for row in table] == [
        {
            "identity": "Ann_Lee",
            "landmarks5": [[1, 2], [3, 4], [5, 6], [7, 8], [9, 10]],
            "expression": "happy",
        },
        {"identity": "Ann_Lee"},
        {"identity": "Bo"},
    ]
    assert {row.split for row in table} == {"validation"}
    assert table.report.skipped == {"bad name (<Name>/<Name>_NNNN.jpg)": 2}
    text = str(table.report)
    assert "points of 1 pictures left out" in text and "line 4: bad points" in text
    assert "1 rows of unknown expressions and 1 pictures with two" in text
    assert "1 expression labels are of pictures that are not here" in text
    plain = read("lfw", root, split="train")
    assert plain.rows[1].labels["landmarks5"][0] == [1, 2] and plain.rows[0].split == "train"


def test_lfw_pairs_in_folds(tmp_path):
    path = tmp_path / "pairs.txt"
    path.write_text("2\t1\nAnn\t1\t2\nAnn\t1\tBo\t12\nCy\t3\t4\nCy\t3\tDi\t1\n")
    pairs = read_lfw_pairs(path)
    assert pairs[0] == FacePair("Ann/Ann_0001.jpg", "Ann/Ann_0002.jpg", True, 0)
    assert pairs[1] == FacePair("Ann/Ann_0001.jpg", "Bo/Bo_0012.jpg", False, 0)
    assert [pair.fold for pair in pairs] == [0, 0, 1, 1]


def test_lfw_pairs_of_the_other_forms(tmp_path):
    path = tmp_path / "pairs.txt"
    path.write_text("1\nAnn\t1\t2\nAnn\t1\tBo\t12\n")
    assert [pair.same for pair in read_lfw_pairs(path)] == [True, False]
    path.write_text("Ann\t1\t2\nAnn\t1\t3\nAnn\t1\tBo\t12\n")
    assert [pair.fold for pair in read_lfw_pairs(path)] == [0, 0, 0]


@pytest.mark.parametrize(
    "text, message",
    [
        ("2\t1\nAnn\t1\t2\n", "1 pairs where its first line says 4"),
        ("Ann\t1\ttwo\n", "line 1: no pair"),
        ("0\t3\n", "line 1: counts must be positive"),
    ],
)
def test_lfw_pairs_that_are_wrong(tmp_path, text, message):
    (tmp_path / "pairs.txt").write_text(text)
    with pytest.raises(ValueError, match=message):
        read_lfw_pairs(tmp_path / "pairs.txt")


def test_one_folder_a_person(tmp_path):
    draw(tmp_path, "0000045/001.jpg", "0000045/002.jpg", "m.0abc/0.jpg", "loose.jpg", "a/b/c.jpg")
    draw(tmp_path, "0000045/._003.jpg")
    table = sound(read("people", tmp_path, domain="webface", min_pictures=2), "webface")
    assert [(row.image, row.subject) for row in table] == [
        ("0000045/001.jpg", "0000045"),
        ("0000045/002.jpg", "0000045"),
    ]
    assert {row.split for row in table} == {sha1_split("0000045")}
    assert table.report.skipped == {
        "not in a person's folder": 2,
        "person with fewer than 2 pictures": 1,
    }
    with pytest.raises(ValueError, match="Received: min_pictures=0"):
        read("people", tmp_path, min_pictures=0)


def test_people_below_split_folders(tmp_path):
    draw(tmp_path, "train/n000002/0001_01.jpg", "test/n000001/0001_01.jpg")
    table = sound(read("people", tmp_path), "people")
    assert {(row.subject, row.split) for row in table} == {
        ("n000002", "train"),
        ("n000001", "test"),
    }
