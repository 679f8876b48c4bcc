"""Readers of expression sets, on tiny trees in each set's own layout."""

import numpy as np
import pytest
from PIL import Image

from kerasface.data.readers import read


def draw(root, *names, content=None):
    """Writes a picture at each path; its grey depends on the path unless `content` is given."""
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        grey = sum(name.encode()) % 256 if content is None else content
        pixels = np.full((8, 8), grey, np.uint8)
        pixels[2:5, 2:5] = 255 - grey
        Image.fromarray(pixels).save(path, None if path.suffix != ".jpeg" else "JPEG")


def labels(table, task="expression"):
    return {row.image: row.labels.get(task) for row in table}


def splits(table):
    return {row.image: row.split for row in table}


def sound(table, domain):
    assert table.report.read == len(table)
    assert all((table.root / row.image).is_file() for row in table)
    assert all(row.domain == domain for row in table)
    return table


def test_fer2013_folders(tmp_path):
    draw(tmp_path / "fer2013", "train/angry/Training_1.jpg", "train/sad/Training_2.jpg")
    draw(tmp_path / "fer2013", "train/bored/Training_3.jpg", "train/Training_4.jpg")
    draw(tmp_path / "fer2013", "train/fear/Training_5.jpg", content=7)
    draw(tmp_path / "fer2013", "validation/happy/PublicTest_6.jpg", content=7)
    listing = tmp_path / "fer2013" / "near_duplicates_of_PrivateTest.txt"
    listing.write_text("fer2013/train/sad/Training_2.jpg\n")
    table = sound(read("fer2013", tmp_path), "fer2013")
    assert labels(table) == {
        "train/angry/Training_1.jpg": "angry",
        "train/sad/Training_2.jpg": "sad",
        "validation/happy/PublicTest_6.jpg": "happy",
    }
    assert splits(table)["validation/happy/PublicTest_6.jpg"] == "validation"
    text = str(table.report)
    assert "2 x unknown class" in text and "1 pictures nearly equal PrivateTest" in text
    assert "1 held-out pictures had 1 copies in training, 1 of them with another" in text
    without = read("fer2013", tmp_path / "fer2013", drop_near_private=True, drop_copies=False)
    assert "train/sad/Training_2.jpg" not in labels(without)
    assert "train/fear/Training_5.jpg" in labels(without)


def test_fer2013_blank_and_broken_pictures_are_named(tmp_path):
    (tmp_path / "train" / "sad").mkdir(parents=True)
    Image.new("L", (48, 48)).save(tmp_path / "train/sad/black.jpg")
    (tmp_path / "train/sad/broken.jpg").write_bytes(b"\xff\xd8\xff")
    report = read("fer2013", tmp_path).report
    assert "1 blank pictures were kept (train/sad/black.jpg)" in str(report)


def csv_of(path, *rows):
    path.write_text("emotion,pixels,Usage\n" + "".join(f"{row}\n" for row in rows))


def test_fer2013_csv(tmp_path):
    def pixels(first):
        return " ".join(str((first + place) % 256) for place in range(48 * 48))

    csv_of(
        tmp_path / "fer2013.csv",
        f"0,{pixels(0)},Training",
        f"3,{pixels(1)},PublicTest",
        f"6,{pixels(2)},PrivateTest",
        f"4,{pixels(1)},Training",
        f"7,{pixels(0)},Training",
        f"x,{pixels(0)},Training",
        f"1,{pixels(0)[:-4]},Training",
        f"1,{pixels(0).replace(' 9 ', ' 999 ')},Training",
        f"1,{pixels(0).replace(' 9 ', ' nine ')},Training",
        f"1,{pixels(0)},Holiday",
        f"2,{'0 ' * 48 * 48},Training",
    )
    table = read("fer2013_csv", tmp_path)
    assert [row.labels["expression"] for row in table] == ["angry", "happy", "neutral", "fear"]
    assert [row.split for row in table] == ["train", "validation", "test", "train"]
    assert table.rows[1].image.shape == (48, 48) and table.rows[1].image.dtype == np.uint8
    assert table.rows[1].image[0, :3].tolist() == [1, 2, 3]
    assert table.report.skipped == {
        "byte-identical to a held-out picture": 1,
        "label out of range": 2,
        "not 2304 pixels of 0 to 255": 3,
        "unknown usage": 1,
    }
    assert "line 6" in str(table.report) and "1 blank pictures" in str(table.report)
    assert len(read("fer2013_csv", tmp_path / "fer2013.csv")) == 4


def test_fer2013_csv_of_the_other_spelling(tmp_path):
    grey = " ".join(["1 2"] * (24 * 48))
    text = f"emotion, Usage, pixels\n0,Training,{grey}\n"
    (tmp_path / "icml_face_data.csv").write_text(text)
    assert len(read("fer2013_csv", tmp_path)) == 1
    (tmp_path / "icml_face_data.csv").write_text("emotion,pixels\n")
    with pytest.raises(ValueError, match="no column Usage"):
        read("fer2013_csv", tmp_path)


def test_ck48_splits_by_subject(tmp_path):
    names = [f"S{subject:03d}_001_0000000{frame}.png" for subject in range(20) for frame in (1, 2)]
    draw(tmp_path / "CK+48", *(f"anger/{name}" for name in names), "contempt/S001_002_00000003.png")
    draw(tmp_path / "CK+48", "anger/readme.png", "boredom/S001_003_00000001.png")
    table = sound(read("ck48", tmp_path, fold=3), "ck48")
    assert labels(table)["contempt/S001_002_00000003.png"] == "contempt"
    assert set(labels(table).values()) == {"angry", "contempt"}
    held = {row.subject for row in table if row.split == "validation"}
    assert len(held) == 2
    assert held.isdisjoint(row.subject for row in table if row.split == "train")
    assert table.report.total_skipped == 2
    seen = [read("ck48", tmp_path, fold=fold).filter(split="validation") for fold in range(10)]
    assert sum(len(part) for part in seen) == len(table)
    with pytest.raises(ValueError, match="Received: fold=10"):
        read("ck48", tmp_path, fold=10)


def test_oulu_casia_takes_the_end_of_each_sequence(tmp_path):
    top = tmp_path / "Oulu_CASIA_NIR_VIS"
    for person in ("P001", "P002"):
        draw(top, *(f"VL/Strong/{person}/Happiness/{frame:03d}.jpeg" for frame in range(5)))
    draw(top, "VL/Strong/P001/Yawn/000.jpeg", "VL/Strong/Q1/Anger/000.jpeg")
    draw(top, "NI/Dark/P001/Anger/000.jpeg")
    table = sound(read("oulu_casia", tmp_path), "oulu_casia")
    happy = [f"VL/Strong/P001/Happiness/00{frame}.jpeg" for frame in (2, 3, 4)]
    assert [row.image for row in table if row.subject == "P001"] == happy
    assert table.report.skipped["frame before the peak"] == 4
    assert table.report.skipped["unknown class"] == 1
    assert len({row.split for row in table if row.subject == "P001"}) == 1
    neutral = read("oulu_casia", tmp_path, first_neutral=True)
    assert labels(neutral)["VL/Strong/P001/Happiness/000.jpeg"] == "neutral"
    single = read("oulu_casia", top, camera="NI", light="Dark", first_neutral=True)
    assert [row.labels for row in single] == [{"expression": "neutral"}]
    with pytest.raises(ValueError, match="camera='UV'"):
        read("oulu_casia", tmp_path, camera="UV")
    with pytest.raises(FileNotFoundError, match="NI/Weak"):
        read("oulu_casia", tmp_path, camera="NI", light="Weak")


def test_sfew(tmp_path):
    draw(tmp_path, "Train_Aligned_Faces/Angry/17Again_001234280_00000003.png")
    draw(tmp_path, "Val_Aligned_Faces/Val_Aligned_Faces/Neutral/Film_000000100_00000012.png")
    draw(tmp_path, "Test_Aligned_Faces/Film_1_1.png", "Train/Happy/Film_000000200_00000001.png")
    draw(tmp_path, "Train_Aligned_Faces/Odd/x.png")
    table = sound(read("sfew", tmp_path), "sfew")
    assert sorted((row.split, row.labels["expression"]) for row in table) == [
        ("train", "angry"),
        ("validation", "neutral"),
    ]
    assert table.report.skipped == {"unknown class": 1, "no label": 1}
    assert list(labels(read("sfew", tmp_path, aligned=False)).values()) == ["happy"]


def test_rafdb(tmp_path):
    basic = tmp_path / "basic"
    draw(basic, "Image/aligned/train_00001_aligned.jpg", "Image/aligned/test_0001_aligned.jpg")
    draw(basic, "Image/aligned/train_00002_aligned.jpg", "Image/original/train_00001.jpg")
    (basic / "EmoLabel").mkdir()
    (basic / "EmoLabel" / "list_patition_label.txt").write_text(
        "train_00001.jpg 5\ntest_0001.jpg 1\ntrain_00002.jpg 9\ntrain_00003.jpg 7\nnonsense\n"
    )
    manual = basic / "Annotation" / "manual"
    manual.mkdir(parents=True)
    points = "".join(f"{x}.5\t{x + 1}.25\n" for x in range(5))
    (manual / "train_00001_manu_attri.txt").write_text(f"{points}1\n1\n4\n")
    (manual / "test_0001_manu_attri.txt").write_text("broken")
    table = sound(read("rafdb", tmp_path), "rafdb")
    assert [row.labels for row in table] == [
        {"expression": "sad", "gender": "female", "race": "Black", "age_group5": "70+"},
        {"expression": "surprise"},
    ]
    assert [row.split for row in table] == ["train", "test"]
    assert table.report.skipped == {
        "label out of range": 1,
        "missing file": 1,
        "bad line (train_NNNNN.jpg label)": 1,
    }
    whole = read("rafdb", basic, part="original")
    assert whole.rows[0].labels["landmarks5"][1] == [1.5, 2.25]
    with pytest.raises(ValueError, match="Received: part='cut'"):
        read("rafdb", tmp_path, part="cut")


def test_affectnet_lists(tmp_path):
    images = tmp_path / "Manually_Annotated" / "Manually_Annotated_Images"
    draw(images, "1/a.jpg", "1/b.jpg", "2/c.jpg", "2/d.jpg")
    lists = tmp_path / "Manually_Annotated_file_lists"
    lists.mkdir()
    points = ";".join(str(value) for value in range(136))
    head = "subDirectory_filePath,face_x,face_y,face_width,face_height,facial_landmarks"
    (lists / "training.csv").write_text(
        f"{head},expression,valence,arousal\n"
        f"1/a.jpg,0,0,8,8,{points},1,0.5,-0.25\n"
        "1/b.jpg,0,0,8,8,,9,-2,-2\n"
        "9/z.jpg,0,0,8,8,,0,0,0\n"
        "2/d.jpg,0,0,8,8,,15,0,0\n"
    )
    (lists / "validation.csv").write_text("2/c.jpg,0,0,8,8,1;2;3,7,-2,0.1\n")
    table = sound(read("affectnet", tmp_path), "affectnet")
    first, second = table.rows
    assert first.labels["expression"] == "happy"
    assert (first.labels["valence"], first.labels["arousal"]) == (0.5, -0.25)
    assert len(first.labels["landmarks68"]) == 68 and first.labels["landmarks68"][1] == [2.0, 3.0]
    assert second.labels == {"expression": "contempt", "arousal": 0.1}
    assert (first.split, second.split) == ("train", "validation")
    assert table.report.skipped == {
        "expression is uncertain": 1,
        "missing file": 1,
        "label out of range": 1,
    }


def test_affectnet_arrays_are_never_unpickled(tmp_path):
    draw(tmp_path, "train_set/images/0.jpg", "train_set/images/1.jpg", "val_set/images/2.jpg")
    draw(tmp_path, "train_set/images/3.jpg")
    for name, code in {"train_set/annotations/0": "6", "val_set/annotations/2": "0"}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        for kind, value in {"exp": code, "val": "0.125", "aro": "-0.5"}.items():
            np.save(tmp_path / f"{name}_{kind}.npy", np.array(value))
    np.save(tmp_path / "train_set/annotations/0_lnd.npy", np.arange(136.0))
    np.save(tmp_path / "train_set/annotations/1_exp.npy", np.array([{}]), allow_pickle=True)
    table = sound(read("affectnet", tmp_path), "affectnet")
    assert [row.labels["expression"] for row in table] == ["angry", "neutral"]
    assert table.rows[0].labels["landmarks68"][67] == [134.0, 135.0]
    assert table.rows[1].labels["valence"] == 0.125
    assert table.report.skipped == {"no readable annotation": 2}
