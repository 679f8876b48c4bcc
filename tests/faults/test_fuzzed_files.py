"""Label files, manifests and descriptions with any bytes in them: rows, or one line, and no more.

Hypothesis makes the damage and shrinks what is found. The examples are the same in every run;
`--hypothesis-seed=random` looks for others.
"""

import json
from pathlib import Path

import pytest
from PIL import Image

hypothesis = pytest.importorskip("hypothesis", reason="NOT TESTED: hypothesis is not installed")
from hypothesis import HealthCheck, example, given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from kerasface.data.embedding_shards import EmbeddingRun  # noqa: E402
from kerasface.data.label_shards import LabelRun  # noqa: E402
from kerasface.data.parquet import DamagedShard  # noqa: E402
from kerasface.data.readers import read  # noqa: E402
from kerasface.data.readers.lfw_pairs import read_lfw_pairs  # noqa: E402
from kerasface.data.table import FaceTable  # noqa: E402
from kerasface.zoo.errors import ManifestError  # noqa: E402
from kerasface.zoo.manifest import parse  # noqa: E402
from tests.data.label_files import run_of  # noqa: E402

EXAMPLES = 60
POINTS = "1 2 3 4 5 11 12 13 14 15"
# By reader: a file of its own layout, what a sound one holds, and pictures that it names.
LISTS = {
    "csv": ("faces.csv", "image,age,sex\na.jpg,31,male\nb.jpg,,female\n", ("a.jpg", "b.jpg")),
    "fairface": (
        "fairface_label_train.csv",
        "file,age,gender,race,service_test\ntrain/1.jpg,20-29,Male,White,True\n",
        ("train/1.jpg",),
    ),
    "fer2013_csv": (
        "fer2013.csv",
        f"emotion,pixels,Usage\n3,{' '.join(['7'] * 2304)},Training\n",
        (),
    ),
    "mtfl": ("training.txt", f" net_7876\\0_0.jpg {POINTS} 1 1 2 3\n", ("net_7876/0_0.jpg",)),
    "w300": (
        "afw/1.pts",
        "version: 1\nn_points: 68\n{\n" + "1.5 2.5\n" * 68 + "}\n",
        ("afw/1.jpg",),
    ),
    "celeba": ("identity_CelebA.txt", "000001.jpg 5\n000002.jpg 6\n", ("img_face/000001.jpg",)),
}
EMBEDDED = EmbeddingRun("set", "net", "ab" * 32, None, None, 3, "cd" * 32, 5, 5, "0.1.0")
OPTIONS = {"csv": {"labels": {"age": "age", "gender": "sex"}}}
# Pieces that parsers trip over, put anywhere.
PIECES = st.sampled_from(
    [b"\0", b"\xff\xfe", b'"', b",", b"\n", b"\r", b"-1", b"nan", b"1e999", "²".encode(), b"../"]
    + [b"9" * 5000, b"x" * 300, b" ", b"{", b"\xef\xbb\xbf", "٣".encode()]
)
EDITS = st.lists(
    st.tuples(st.floats(0, 1), st.integers(0, 12), st.one_of(PIECES, st.binary(max_size=8))),
    min_size=1,
    max_size=6,
)


def fuzzed(function):
    quiet = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
    settled = settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=quiet,
    )
    return settled(function)


def edited(content, edits):
    """The content with, at each place, some bytes taken out and others put in."""
    for place, taken, put in edits:
        start = int(place * len(content))
        content = content[:start] + put + content[start + taken :]
    return content


def one_line(error):
    text = str(error)
    return text and "\n" not in text and len(text) < 20_000


@pytest.fixture(scope="module")
def trees(tmp_path_factory):
    """By reader the folder and the file that is damaged, with its pictures there."""
    found = {}
    for name, (file, _, pictures) in LISTS.items():
        root = tmp_path_factory.mktemp(name)
        for picture in pictures:
            (root / picture).parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (4, 4)).save(root / picture)
        (root / file).parent.mkdir(exist_ok=True)
        found[name] = root, root / file
    return found


def read_list(name, root, file, content):
    file.write_bytes(content)
    return read(name, file if name == "csv" else root, **OPTIONS.get(name, {}))


@pytest.mark.parametrize("name", LISTS)
def test_the_sound_file_is_read(name, trees):
    assert len(read_list(name, *trees[name], LISTS[name][1].encode())) >= 1


@pytest.mark.parametrize("name", LISTS)
@fuzzed
@given(edits=EDITS)
@example(edits=[(0.5, 0, b"x" * 300)])
@example(edits=[(0.0, 99, b"")])
def test_a_damaged_label_file_costs_rows_or_is_one_line(name, trees, edits):
    try:
        table = read_list(name, *trees[name], edited(LISTS[name][1].encode(), edits))
    except (ValueError, FileNotFoundError) as error:
        assert one_line(error), repr(error)
    else:
        assert isinstance(table, FaceTable) and table.report.read == len(table)
        assert all("\n" not in line for line in table.report.examples)


@fuzzed
@given(edits=EDITS)
def test_damaged_pairs_are_one_line(edits, tmp_path):
    file = tmp_path / "pairs.txt"
    file.write_bytes(edited(b"1\t1\nAnn\t1\t2\nAnn\t1\tBob\t3\n", edits))
    try:
        read_lfw_pairs(file)
    except ValueError as error:
        assert one_line(error), repr(error)


JSON = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=12), st.just(10**18)
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)


def places(value, path=()):
    """Paths of everything in a JSON value."""
    yield path
    inside = {}.items()
    if isinstance(value, (dict, list)):
        inside = value.items() if isinstance(value, dict) else enumerate(value)
    for key, each in inside:
        yield from places(each, (*path, key))


def replaced(value, number, new):
    """The value with the `number`-th of its parts exchanged."""
    copy = json.loads(json.dumps(value))
    paths = list(places(copy))
    path = paths[number % len(paths)]
    if not path:
        return new
    holder = copy
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = new
    return copy


@pytest.fixture(scope="module")
def manifest():
    """That of a published entry."""
    [*_, newest] = sorted(Path(__file__).parents[2].glob("zoo/student/*/manifest.json"))
    parse(newest.read_bytes())
    return json.loads(newest.read_text(encoding="utf-8"))


@fuzzed
@given(number=st.integers(0, 10_000), new=JSON, edits=EDITS)
def test_a_changed_manifest_is_one_or_is_refused(manifest, number, new, edits):
    changed = json.dumps(replaced(manifest, number, new)).encode()
    for document in (changed, edited(json.dumps(manifest).encode(), edits)):
        try:
            parse(document)
        except ManifestError as error:
            assert one_line(error), repr(error)


@pytest.mark.parametrize("kind", [LabelRun, EmbeddingRun])
@fuzzed
@given(number=st.integers(0, 10_000), new=JSON, edits=EDITS)
def test_a_changed_description_of_a_run_is_one_or_is_refused(kind, number, new, edits, tmp_path):
    run = run_of() if kind is LabelRun else EMBEDDED
    sound = {"format": 1, **run.as_json()}
    for content in (
        json.dumps(replaced(sound, number, new)).encode(),
        edited(json.dumps(sound).encode(), edits),
    ):
        (tmp_path / "about.json").write_bytes(content)
        try:
            assert kind.read(tmp_path).shards >= 1
        except DamagedShard as error:
            assert one_line(error), repr(error)
