"""Readers of age, gender and race sets, on tiny trees in each set's own layout."""

import numpy as np
import pytest
from PIL import Image

from kerasface.data.readers import read
from kerasface.data.readers.adience import age_group8
from kerasface.data.splits import sha1_split


def draw(root, *names, seed=None):
    """Writes a picture at each path, a smooth scene that depends on the path or on `seed`."""
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        rng = np.random.default_rng(list(name.encode()) if seed is None else seed)
        small = Image.fromarray(rng.integers(0, 256, (6, 6, 3), np.uint8))
        small.resize((32, 32), Image.Resampling.BICUBIC).save(path, "JPEG", quality=90)


def sound(table, domain):
    assert table.report.read == len(table)
    assert all((table.root / row.image).is_file() for row in table)
    assert all(row.domain == domain for row in table)
    return table


def utk_name(split, age=30, gender=0, race=0):
    """A UTKFace name that the sha1 rule puts into `split`."""
    names = (f"{age}_{gender}_{race}_{date}.jpg.chip.jpg" for date in range(20170109, 20170300))
    return next(name for name in names if sha1_split(name) == split)


def test_utkface_names(tmp_path):
    held, trained = utk_name("validation", 1, 1, 4), utk_name("train", 100, 0, 3)
    draw(tmp_path / "UTKFace", held, trained, "39_1_20170116174525125.jpg.chip.jpg")
    draw(tmp_path / "UTKFace", "117_0_0_20170116.jpg", "30_2_0_20170116.jpg", "30_0_5_20170116.jpg")
    draw(tmp_path / "UTKFace", "55_0_0_20170116232725357jpg.chip.jpg", "holiday.jpg")
    table = sound(read("utkface", tmp_path), "utkface")
    found = {row.image: row for row in table}
    assert found[held].labels == {"age": 1.0, "gender": "female", "race": "Other"}
    assert found[trained].labels == {"age": 100.0, "gender": "male", "race": "Indian"}
    assert (found[held].split, found[trained].split) == ("validation", "train")
    assert len(found) == 3
    assert table.report.skipped == {
        "bad name (age_gender_race_date.jpg)": 2,
        "label out of range": 3,
    }


def test_utkface_near_duplicates_leave_training(tmp_path):
    held, copy = utk_name("validation", 30), utk_name("train", 35)
    draw(tmp_path, held, copy, seed=1)
    draw(tmp_path, utk_name("train", 60), seed=2)
    table = sound(read("utkface", tmp_path), "utkface")
    assert {row.image for row in table} == {held, utk_name("train", 60)}
    assert table.report.skipped == {"near-duplicate of a held-out picture": 1}
    assert "1 of them disagree on age" in str(table.report)
    assert len(read("utkface", tmp_path, drop_near=False)) == 3


def test_fairface(tmp_path):
    root = tmp_path / "fairface"
    draw(root, "train/1.jpg", "train/2.jpg", "train/3.jpg", "val/1.jpg")
    (root / "fairface_label_train.csv").write_text(
        "file,age,gender,race,service_test\n"
        "train/1.jpg,50-59,Male,East Asian,True\n"
        "train/2.jpg,more than 70,Female,Latino_Hispanic,False\n"
        "train/2.jpg,0-2,Female,Black,False\n"
        "train/3.jpg,80-99,Male,White,False\n"
        "../outside.jpg,0-2,Male,White,False\n"
        "train/9.jpg\n"
    )
    (root / "fairface_label_val.csv").write_text("file,age,gender,race\nval/1.jpg,3-9,Male,White\n")
    table = sound(read("fairface", tmp_path), "fairface")
    assert [row.labels for row in table] == [
        {"age_group": "50-59", "gender": "male", "race7": "East Asian"},
        {"age_group": "more than 70", "gender": "female", "race7": "Latino_Hispanic"},
        {"age_group": "3-9", "gender": "male", "race7": "White"},
    ]
    assert [row.split for row in table] == [sha1_split("1.jpg"), sha1_split("2.jpg"), "test"]
    assert table.report.skipped == {"named twice": 1, "unknown class": 1, "missing file": 2}
    assert "fairface_label_train.csv line 4" in str(table.report)


def test_fairface_without_its_columns(tmp_path):
    (tmp_path / "fairface_label_train.csv").write_text("file,age\n")
    with pytest.raises(ValueError, match="fairface_label_train.csv: no column gender, race"):
        read("fairface", tmp_path)


HEAD = "user_id\toriginal_image\tface_id\tage\tgender\tx\ty\tdx\tdy\ttilt_ang\n"


def test_adience_folds(tmp_path):
    rows = {
        0: ["30@N04\ta.jpg\t7\t(25, 32)\tf\t0\t0\t1\t1\t0"],
        1: ["31@N04\tb.jpg\t8\t(38, 48)\tm\t0\t0\t1\t1\t0", "31@N04\tc.jpg\t8\tNone\tm\t0"],
        2: ["32@N04\td.jpg\t9\t35\tu\t0", "32@N04\te.jpg\t9\t29\t\t0", "32@N04\tgone.jpg\t9\t2\tf"],
    }
    for fold, lines in rows.items():
        text = HEAD + "".join(f"{line}\n" for line in lines)
        (tmp_path / f"fold_{fold}_data.txt").write_text(text)
        for line in lines:
            user, picture, face = line.split("\t")[:3]
            if picture != "gone.jpg":
                draw(tmp_path, f"faces/{user}/coarse_tilt_aligned_face.{face}.{picture}")
    table = sound(read("adience", tmp_path), "adience")
    assert [row.labels for row in table] == [
        {"age_group8": "25-32", "gender": "female"},
        {"age_group8": "38-43", "gender": "male"},
        {"gender": "male"},
        {"age_group8": "25-32"},
    ]
    assert [row.split for row in table] == ["test", "validation", "validation", "train"]
    assert table.rows[0].subject == "30@N04"
    assert table.report.skipped == {"neither age nor gender": 1, "missing file": 1}
    assert "1 faces have an age outside the eight groups" in str(table.report)
    assert "no fold_3_data.txt" in str(table.report)
    assert read("adience", tmp_path, fold=4).rows[0].split == "validation"
    with pytest.raises(ValueError, match="Received: part='bodies', fold=0"):
        read("adience", tmp_path, part="bodies")


@pytest.mark.parametrize(
    "text, group",
    [
        ("(0, 2)", "0-2"),
        ("(60, 100)", "60-100"),
        ("(8, 23)", "8-12"),
        ("2", "0-2"),
        ("3", None),
        ("58", None),
        ("(1, 99)", None),
        ("None", None),
        ("", None),
    ],
)
def test_adience_age_groups(text, group):
    assert age_group8(text) == group


def test_morph2_with_its_csv(tmp_path):
    names = [f"Album2/{name}.JPG" for name in ("009055_1M54", "009055_2M55", "010000_1F21")]
    draw(tmp_path, *names, "Album2/010000_2M22.JPG", "Album2/010001_1M30.JPG")
    (tmp_path / "morph_2008_nonCommercial.csv").write_text(
        "id_num,picture_num,dob,doa,race,gender,facial_hair,age,age_diff,glasses,photo\n"
        f"009055,1,,,B,M,,54,,,{names[0]}\n"
        f"009055,2,,,H,M,,55,,,{names[1]}\n"
        f"010000,1,,,W,F,,21,,,{names[2]}\n"
        "010000,2,,,W,M,,22,,,Album2/010000_2M22.JPG\n"
        "010001,1,,,W,M,,31,,,Album2/010001_1M30.JPG\n"
        "010002,1,,,W,M,,31,,,Album2/010002_1M31.JPG\n"
        "010003,1,,,W,M,,31,,,Album2/portrait.JPG\n"
    )
    table = sound(read("morph2", tmp_path), "morph2")
    assert [row.labels for row in table] == [
        {"age": 54.0, "gender": "male", "race": "Black"},
        {"age": 55.0, "gender": "male"},
        {"age": 21.0, "gender": "female", "race": "White"},
        {"age": 22.0, "gender": "male", "race": "White"},
    ]
    assert [row.subject for row in table] == ["9055", "9055", "10000", "10000"]
    assert table.report.skipped == {
        "name contradicts its row": 1,
        "missing file": 1,
        "bad name (<person>_<picture><M|F><age>.JPG)": 1,
    }
    assert "1 people have pictures of both genders" in str(table.report)


def test_morph2_by_names_alone(tmp_path):
    draw(tmp_path, "Album2/009055_1M54.JPG", "Album2/009056_1F999.JPG")
    table = sound(read("morph2", tmp_path), "morph2")
    assert [row.labels for row in table] == [{"age": 54.0, "gender": "male"}]
    assert table.report.skipped == {"label out of range": 1}
    assert "no race" in str(table.report)


def test_fgnet(tmp_path):
    draw(tmp_path / "FGNET", "images/001A02.JPG", "images/001A43b.JPG", "images/002A03.JPG")
    draw(tmp_path / "FGNET", "images/scan.JPG")
    points = tmp_path / "FGNET" / "points"
    points.mkdir()
    lines = "".join(f"{x}.5 {x}\n" for x in range(68))
    (points / "001a02.pts").write_text(f"version: 1\nn_points: 68\n{{\n{lines}}}\n")
    (points / "002a03.pts").write_text("version: 1\nn_points: 68\n{\n1 2\n}\n")
    table = sound(read("fgnet", tmp_path), "fgnet")
    assert [row.labels["age"] for row in table] == [2.0, 43.0, 3.0]
    assert [row.subject for row in table] == ["001", "001", "002"]
    assert table.rows[0].labels["landmarks68_fgnet"][3] == [3.5, 3.0]
    assert [len(row.labels) for row in table] == [2, 1, 1]
    assert table.report.skipped == {"bad name (<person>A<age>.JPG)": 1}
    assert "1 bad .pts files" in str(table.report)
    left = read("fgnet", tmp_path, leave_out="002")
    assert [row.split for row in left] == ["train", "train", "test"]
    with pytest.raises(ValueError, match="Received: leave_out='099'"):
        read("fgnet", tmp_path, leave_out="099")
