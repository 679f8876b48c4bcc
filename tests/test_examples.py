"""The examples of the documentation give what they say."""

import doctest
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = sorted(
    path.relative_to(ROOT)
    for path in (ROOT / "kerasface").rglob("*.py")
    if ">>> " in path.read_text(encoding="utf-8")
)


def module_name(source):
    parts = source.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@pytest.mark.parametrize("source", SOURCES, ids=module_name)
def test_examples(source):
    module = import_module(module_name(source))
    examples = [each for found in doctest.DocTestFinder().find(module) for each in found.examples]
    assert examples, "the example is in no docstring that Python sees"
    assert doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE).failed == 0
