"""Configurations that ask for more than their weights file holds, or for what nobody has."""

from kerasface.zoo.errors import ManifestError
from kerasface.zoo.schema import dump_json, read_json
from tests.faults.zoo_place import CONFIG, Fault, rewritten

MANY = 10**9
MORE = "other parameters than its manifest: more than"
NONE = "describes no model"
PLAIN = "must be a number, text"
# Keras would look this up and hand it over: a function that fetches files.
GET_FILE = {"module": "keras.utils", "class_name": "function", "config": "get_file"}


def described(change, manifest=None):
    """An attack with another configuration, with whose hash the manifest agrees."""

    def attack(place):
        def spoil(folder):
            spec = read_json((folder / CONFIG).read_bytes(), CONFIG)
            change(spec)
            (folder / CONFIG).write_bytes(dump_json(spec))
            rewritten(folder, manifest)

        place.load(place.copied(spoil))

    return attack


def trunk(**config):
    return lambda spec: spec["trunk"]["config"].update(config)


def of_keras(name, **config):
    return lambda spec: spec.update(trunk={"name": f"applications/{name}", "config": config})


def bins(spec):
    spec["tasks"][1]["bins"] = MANY


def points(spec):
    spec["tasks"][1] = {"kind": "landmarks", "name": "age", "points": MANY}


def huge_pictures(spec):
    spec["input"].update(height=4096, width=4096)


def of_64_huge_pictures(document):
    document["input"].update(height=4096, width=4096)
    document["probe"]["count"] = 64
    outputs = document["probe"]["outputs"]
    document["probe"]["outputs"] = {task: [rows[0]] * 64 for task, rows in outputs.items()}


def nested(place):
    def spoil(folder):
        (folder / CONFIG).write_bytes(b"[" * 100_000)
        rewritten(folder)

    place.load(place.copied(spoil))


def three_megabytes(place):
    def spoil(folder):
        (folder / CONFIG).write_bytes(b" " * 3_000_000)
        rewritten(folder)

    place.load(place.copied(spoil))


FAULTS = (
    *(
        Fault("descriptions", name, described(change), ManifestError, words)
        for name, change, words in (
            ("a thousand million bins", bins, "other tasks than its manifest"),
            ("a thousand million points", points, NONE),
            ("layers of a thousand million channels", trunk(widths=[MANY, 8]), MORE),
            ("a thousand million layers", trunk(blocks=[MANY, 1]), MORE),
            ("a large shared layer", lambda spec: spec.update(shared=MANY), MORE),
            ("a stem without end", trunk(stem=10**30), ""),
            (
                "a network of Keras with a large head",
                of_keras("MobileNet", include_top=True, classes=MANY),
                MORE,
            ),
            ("a large network of Keras", of_keras("VGG16"), MORE),
            ("weights from the network", of_keras("VGG16", weights="imagenet"), "must be null"),
            ("numbers past all bounds", trunk(widths=[float(10**200), 8]), ""),
            ("pictures of any size", trunk(input_shape=[None, None, 3]), "other input"),
            ("a trunk of another kind", lambda spec: spec["trunk"].update(name=[]), NONE),
            ("a function by its name", trunk(normalization="os.system"), NONE),
            ("a function in a dict", of_keras("VGG16", classifier_activation=GET_FILE), PLAIN),
            ("a dict in lists", trunk(widths=[[GET_FILE]]), PLAIN),
            ("a layer named as a path", trunk(name="../../x"), ""),
        )
    ),
    Fault(
        "descriptions",
        "pictures larger than memory",
        described(huge_pictures, of_64_huge_pictures),
        ManifestError,
        "allowed are",
    ),
    Fault("descriptions", "lists in lists without end", nested, ManifestError, "is no JSON"),
    Fault("descriptions", "3 MB", three_megabytes, ManifestError, "files.config.json.bytes"),
)
