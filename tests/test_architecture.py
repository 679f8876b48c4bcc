"""The structure of the source: import direction, public names only, exported = registered.

Read with `ast`, so that a broken rule is found without running the code that breaks it.
"""

import ast
import doctest
import importlib
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "kerasface"
SOURCES = sorted(PACKAGE.rglob("*.py"))
OTHER_SOURCES = sorted(
    path for folder in ("tests", "benchmarks", "recipes") for path in (ROOT / folder).rglob("*.py")
)
LONGEST = 400  # lines; STYLE splits a file past that

# What each part may import. Every line holds only names of lines above it, so there is no cycle.
BELOW = {
    "export": set(),
    "lazy": set(),
    "ops": set(),
    "layers": {"export", "ops"},
    "losses": {"export", "ops"},
    "metrics": {"export", "ops"},
    "tasks": {"export", "ops", "layers", "losses", "metrics"},
    "models": {"export", "ops", "layers", "losses", "metrics", "tasks"},
    "data": {"lazy", "export", "ops", "tasks"},
    "evaluation": {"lazy", "export", "ops", "metrics", "tasks", "models", "data"},
    "training": {
        *("export", "lazy", "ops", "layers", "losses", "metrics", "tasks", "models", "data"),
        "evaluation",
    },
    "inference": {"lazy", "export", "ops", "tasks", "models", "data"},
    "zoo": {"lazy", "export", "ops", "layers", "tasks", "models", "data", "inference"},
    "apps": {
        *("export", "lazy", "ops", "layers", "losses", "metrics", "tasks", "models", "data"),
        *("evaluation", "training", "inference", "zoo"),
    },
}
# Any backend: `keras.ops` only.
NO_TENSORFLOW = ("export", "ops", "layers", "losses", "metrics", "tasks", "models")
# `kerasface zoo list | info | verify | fetch` answer before Keras could be imported, and faces are
# read in another runtime where there is none.
NO_KERAS_MODULES = (
    "kerasface",
    "kerasface.zoo",
    "kerasface.zoo.manifest",
    "kerasface.zoo.index",
    "kerasface.zoo.fetch",
    "kerasface.zoo.runtime_loading",
    "kerasface.apps.face_analyzer",
    "kerasface.inference.analysis",
    "kerasface.inference.exporters",
    "kerasface.inference.runtimes",
    "kerasface.tasks",
)
PRIVATE_MODULES = ("keras.src", "tensorflow.python", "jax._src")
# Documented by Python although they begin with an underscore.
PUBLIC_UNDERSCORES = {"_replace", "_asdict", "_fields", "_make", "_exit"}
# What Keras hands down to those who write an optimiser and gives no public name: the place of a
# variable's own state, which under replicas nothing else finds. On `self` only.
HANDED_DOWN = {"_get_variable_index"}
BANNED_NAMES = ("utils.py", "helpers.py", "base.py")
KERAS_PACKAGES = ("layers", "losses", "metrics", "models", "training", "inference")


def name_of(path):
    return str(path.relative_to(ROOT))


def part_of(path):
    """The part that a file belongs to; None for the package's own `__init__` and `__main__`."""
    first = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    return None if first.startswith("__") else first


def imports_of(path):
    """Yields `(module, name or None, line)` of every import, however deep in the file."""
    package = path.relative_to(ROOT).with_suffix("").parts[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, None, node.lineno
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join((*start, *filter(None, [node.module])))
            for alias in node.names:
                yield module, alias.name, node.lineno


def modules_of(*parts):
    """Dotted names of the modules in these parts."""
    for path in SOURCES:
        if part_of(path) in parts:
            dotted = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            yield dotted.removesuffix(".__init__")


def test_the_table_itself_has_no_cycle():
    seen = set()
    for part, below in BELOW.items():
        assert below <= seen, (part, below - seen)
        seen.add(part)


def test_every_part_is_in_the_table():
    assert {part_of(path) for path in SOURCES} - {None} <= set(BELOW)


@pytest.mark.parametrize("part", BELOW)
def test_imports_only_run_downwards(part):
    wrong = []
    for path in SOURCES:
        if part_of(path) != part:
            continue
        for module, name, line in imports_of(path):
            dotted = f"{module}.{name}" if module == "kerasface" and name else module
            if not dotted.startswith("kerasface."):
                continue
            used = dotted.split(".")[1]
            if used in BELOW and used != part and used not in BELOW[part]:
                wrong.append(f"{name_of(path)}:{line} imports kerasface.{used}")
    assert not wrong, "\n".join(wrong)


def test_no_tensorflow_up_to_the_models():
    wrong = [
        f"{name_of(path)}:{line} imports {module}"
        for path in SOURCES
        if part_of(path) in NO_TENSORFLOW
        for module, _, line in imports_of(path)
        if module.split(".")[0] in ("tensorflow", "jax", "torch")
    ]
    assert not wrong, "\n".join(wrong)


def test_no_part_above_imports_the_program_around_it():
    wrong = [
        f"{name_of(path)}:{line} imports {module}"
        for path in SOURCES
        for module, _, line in imports_of(path)
        if module.split(".")[0] in ("tests", "recipes", "benchmarks")
    ]
    assert not wrong, "\n".join(wrong)


def test_no_private_module():
    wrong = [
        f"{name_of(path)}:{line} imports {module}"
        for path in (*SOURCES, *OTHER_SOURCES)
        for module, name, line in imports_of(path)
        if f"{module}.{name or ''}".startswith(PRIVATE_MODULES)
        or (is_private(name or "") and not module.startswith("kerasface"))
    ]
    assert not wrong, "\n".join(wrong)


def is_private(name):
    dunder = name.startswith("__") and name.endswith("__")
    return name.startswith("_") and name != "_" and not dunder and name not in PUBLIC_UNDERSCORES


def own_names(sources):
    """Every underscore name that our own code defines or sets on `self`."""
    names = set()
    for path in sources:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                names.add(node.name)
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                names.add(node.id)
            elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
                if isinstance(node.value, ast.Name) and node.value.id in ("self", "cls"):
                    names.add(node.attr)
    return names


def private_attributes(path, ours):
    """Yields `(text, line)` where an underscore attribute of someone else's object is used."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    local = {node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and is_private(node.attr):
            owner = node.value.id if isinstance(node.value, ast.Name) else None
            if owner == "self" and node.attr in HANDED_DOWN:
                continue
            if owner not in {"self", "cls", *local} or node.attr not in ours:
                yield ast.unparse(node), node.lineno
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in ("getattr", "setattr"):
            name = node.args[1] if len(node.args) > 1 else None
            if isinstance(name, ast.Constant) and is_private(str(name.value)):
                yield ast.unparse(node), node.lineno


def test_no_underscore_attribute_of_someone_else():
    ours = own_names(SOURCES)
    wrong = [
        f"{name_of(path)}:{line} {text}"
        for path in SOURCES
        for text, line in private_attributes(path, ours)
    ]
    assert not wrong, "\n".join(wrong)


def test_the_rule_finds_what_it_should(tmp_path):
    path = tmp_path / "example.py"
    path.write_text(
        "class Ours:\n"
        "    def __init__(self, layer):\n"
        "        self._mine = layer._theirs\n"
        "        self._tracker\n"
        "        super()._mine\n"
        "        getattr(layer, '_hidden')\n"
        "        self._mine, Ours._mine, layer.__class__, row._replace(a=1)\n"
        "        self._get_variable_index(layer)\n"
        "        layer._get_variable_index(layer)\n"
    )
    found = [line for _, line in private_attributes(path, own_names([path]))]
    assert sorted(found) == [3, 4, 5, 6, 9]


def test_files_are_short_and_named_for_a_purpose():
    long = [
        f"{name_of(path)}: {lines} lines"
        for path in (*SOURCES, *OTHER_SOURCES)
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > LONGEST
    ]
    vague = [name_of(path) for path in SOURCES if path.name in BANNED_NAMES]
    assert not long + vague, "\n".join(long + vague)


def test_every_module_says_what_it_is():
    silent = [
        name_of(path)
        for path in SOURCES
        if path.stat().st_size and not ast.get_docstring(ast.parse(path.read_text("utf-8")))
    ]
    assert not silent, "\n".join(silent)


def keras_classes(part):
    """Public Layer, Loss and Metric classes of a part; a Model only if it can be saved itself."""
    import keras

    kinds = keras.layers.Layer, keras.losses.Loss, keras.metrics.Metric
    for dotted in modules_of(part):
        for name, cls in inspect.getmembers(importlib.import_module(dotted), inspect.isclass):
            if cls.__module__ == dotted and issubclass(cls, kinds) and not name.startswith("_"):
                if not issubclass(cls, keras.Model) or "get_config" in vars(cls):
                    yield cls


@pytest.mark.parametrize("part", KERAS_PACKAGES)
def test_exported_is_registered_is_documented(part):
    import keras

    package, wrong = importlib.import_module(f"kerasface.{part}"), []
    for cls in keras_classes(part):
        if keras.saving.get_registered_name(cls) != f"kerasface>{cls.__name__}":
            wrong.append(f"{cls.__name__} is not registered as kerasface>{cls.__name__}")
        if getattr(package, cls.__name__, None) is not cls or cls.__name__ not in package.__all__:
            wrong.append(f"{cls.__name__} is not exported by kerasface.{part}")
        doc = cls.__doc__ or "."
        if doc == "." or ("__init__" in vars(cls) and "Args:" not in doc):
            wrong.append(f"{cls.__name__} does not document its arguments")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("part", [part for part in BELOW if part not in ("export", "lazy")])
def test_exported_names_exist_and_are_documented(part):
    package = importlib.import_module(f"kerasface.{part}")
    exported = list(package.__all__)
    assert len(exported) == len(set(exported))
    bare = [
        name
        for name in exported
        if callable(value := getattr(package, name)) and not inspect.getdoc(value)
    ]
    assert not bare, f"kerasface.{part} exports without a docstring: {bare}"


def test_public_functions_of_ops_are_documented():
    bare = [
        f"{dotted}.{name}"
        for dotted in modules_of("ops")
        for name, fn in inspect.getmembers(importlib.import_module(dotted), inspect.isfunction)
        if fn.__module__ == dotted and not name.startswith("_") and not fn.__doc__
    ]
    assert not bare, "\n".join(bare)


def test_light_modules_do_not_import_keras():
    there = [
        name
        for name in NO_KERAS_MODULES
        if (ROOT / (path := name.replace(".", "/"))).is_dir() or (ROOT / f"{path}.py").is_file()
    ]
    code = (
        f"import importlib, sys; [importlib.import_module(name) for name in {there}]; "
        "heavy = {'keras', 'tensorflow', 'jax', 'numpy.f2py'} & set(sys.modules); "
        "sys.exit(f'imported: {heavy}' if heavy else 0)"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr


def modules_with_examples():
    return [
        dotted
        for dotted in modules_of(*BELOW)
        if ">>>" in file_of(dotted).read_text(encoding="utf-8")
    ]


def file_of(dotted):
    path = ROOT / dotted.replace(".", "/")
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


@pytest.mark.parametrize("dotted", modules_with_examples())
def test_examples_in_docstrings(dotted):
    result = doctest.testmod(importlib.import_module(dotted))
    assert not result.failed, f"{result.failed} of {result.attempted} examples failed"
