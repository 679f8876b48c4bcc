"""Label files of every form, spoilt at random: rows in a report or one line, never a traceback."""

import math
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kerasface.data.prepared import PreparedSet
from kerasface.data.readers import read
from kerasface.data.readers.lfw_pairs import read_lfw_pairs
from tests.faults.damaged_text import spoilt, steady

GREY = " ".join(["9"] * 2304)
POINTS = ";".join(["1.5"] * 136)
TEN = "1 2 3 4 5 11 12 13 14 15"
HEAD = "user_id\toriginal_image\tface_id\tage\tgender\tx\ty\tdx\tdy\ttilt_ang\tfiducial_yaw_angle\n"
# By reader: the file that is spoilt, its sound content, pictures that are there, options.
SETS = {
    "fairface": (
        "fairface_label_train.csv",
        "file,age,gender,race\n1.jpg,20-29,Male,White\n2.jpg,more than 70,Female,Black\n",
        ("1.jpg", "2.jpg"),
        {},
    ),
    "fer2013_csv": (
        "fer2013.csv", f"emotion,pixels,Usage\n0,{GREY},Training\n3,{GREY},PublicTest\n", (), {}
    ),
    "csv": (
        "faces.csv",
        "image,age,who,x,y\na.jpg,31,Ann,1,2\nb.jpg,,Bo,3,4\n",
        ("a.jpg", "b.jpg"),
        {"labels": {"age": "age", "points": ["x", "y"]}, "subject": "who"},
    ),
    "adience": (
        "fold_0_data.txt",
        f"{HEAD}7@N\ta.jpg\t3\t(25, 32)\tf\t0\t0\t9\t9\t0\t0\n",
        ("faces/7@N/coarse_tilt_aligned_face.3.a.jpg",),
        {},
    ),
    "mtfl": (
        "training.txt",
        f" net\\0.jpg {TEN} 1 2 1 5\n net\\1.jpg {TEN} 2 1 2 1\n",
        ("net/0.jpg", "net/1.jpg"),
        {},
    ),
    "rafdb": (
        "EmoLabel/list_patition_label.txt",
        "train_1.jpg 5\ntest_1.jpg 1\n",
        ("Image/aligned/train_1_aligned.jpg",),
        {},
    ),
    "affectnet": (
        "training.csv",
        "subDirectory_filePath,face_x,face_y,face_width,face_height,facial_landmarks,expression,"
        f"valence,arousal\n1/a.jpg,0,0,8,8,{POINTS},1,0.5,-0.25\n",
        ("Manually_Annotated_Images/1/a.jpg",),
        {},
    ),
    "celeba": (
        "identity_CelebA.txt", "000001.jpg 2880\n000002.jpg 2937\n", ("img_face/000001.jpg",), {}
    ),
    "celeba_original": (
        "list_attr_celeba.txt",
        "2\nEyeglasses Male Smiling \n000001.jpg 1 -1 1\n000002.jpg -1 1 -1\n",
        ("img_align_celeba/000001.jpg", "img_align_celeba/000002.jpg"),
        {},
    ),
    "morph2": (
        "morph_2008_nonCommercial.csv",
        "id_num,picture_num,dob,doa,race,gender,facial_hair,age,age_diff,glasses,photo\n"
        "009055,1,,,B,M,,54,,,Album2/009055_1M54.JPG\n",
        ("Album2/009055_1M54.JPG",),
        {},
    ),
}  # fmt: skip


def layout(name, root, content):
    file, _, pictures, options = SETS[name]
    for path in (file, *pictures):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(b"a picture")
    (root / file).write_bytes(content)
    return read(name, root / file if name == "csv" else root, **options)


@pytest.mark.parametrize("name", SETS)
def test_the_sound_file_is_read(name, tmp_path):
    table = layout(name, tmp_path, SETS[name][1].encode())
    assert len(table) and table.report.total_skipped <= 1


@pytest.mark.parametrize("name", SETS)
@steady
@given(data=st.data())
def test_spoilt_at_random(name, data):
    content = data.draw(spoilt(SETS[name][1].encode()))
    with tempfile.TemporaryDirectory() as folder:
        try:
            table = layout(name, Path(folder), content)
        except (ValueError, FileNotFoundError) as error:
            assert "\n" not in str(error).strip()
            return
        str(table.report)
        for row in table:
            for value in row.labels.values():
                numbers = np.ravel(value) if isinstance(value, (list, float)) else ()
                assert all(math.isfinite(number) for number in numbers), row.labels


@steady
@given(content=spoilt(b"2\t1\nAnn\t1\t2\nAnn\t1\tBo\t12\nCy\t3\t4\nCy\t3\tDi\t1\n"))
def test_pairs_spoilt_at_random(content):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "pairs.txt")
        path.write_bytes(content)
        try:
            read_lfw_pairs(path)
        except ValueError as error:
            assert "\n" not in str(error)


def prepared():
    faces = np.zeros((3, 8, 8, 3), np.uint8)
    labels, masks = {"age": np.ones(3, "float32")}, {"age": np.ones(3, bool)}
    names = np.array(["a", "b", "c"])
    return PreparedSet(faces, labels, masks, names, "set", names)


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    path = tmp_path_factory.mktemp("prepared") / "set.npz"
    prepared().save(path)
    return path.read_bytes()


@steady
@given(data=st.data())
def test_prepared_sets_spoilt_at_random(stored, data):
    content = data.draw(spoilt(stored))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "set.npz")
        path.write_bytes(content)
        try:
            assert len(PreparedSet.load(path)) == 3
        except ValueError as error:
            assert "set.npz" in str(error) and "\n" not in str(error)
