"""`kerasface train` finds recipes, passes their options on, and gives back their exit code."""

import pytest

from kerasface.apps.commands.train import RECIPES, command_of, find_recipes
from kerasface.apps.main import main

RECIPE = '''"""Writes what it was given.

More text.
"""
import sys
from pathlib import Path

if __name__ == "__main__":
    Path(sys.argv[1]).write_text(" ".join(sys.argv[2:]))
    sys.exit(3)
'''


@pytest.fixture
def recipe(tmp_path):
    path = tmp_path / "recipes" / "paper" / "fit.py"
    path.parent.mkdir(parents=True)
    path.write_text(RECIPE)
    (path.parent / "parts.py").write_text('"""No recipe of its own."""')
    return path


def test_recipes_are_listed_with_their_first_line(recipe):
    assert find_recipes(recipe.parents[1]) == {"paper/fit": (recipe, "Writes what it was given.")}


def test_recipes_of_the_checkout_are_listed(capsys):
    assert main(["train"]) == 0
    out = capsys.readouterr().out
    assert "face_zoo/train" in out
    assert all(purpose for _, purpose in find_recipes(RECIPES).values())


def test_path_runs_with_its_own_options_and_exit_code(recipe, tmp_path):
    target = tmp_path / "written"
    assert main(["train", str(recipe), str(target), "--epochs", "2", "--help"]) == 3
    assert target.read_text() == "--epochs 2 --help"


@pytest.mark.parametrize("name", ["paper/fit", "paper/fit.py", "recipes/paper/fit.py"])
def test_names_run_as_modules(recipe, name):
    known = find_recipes(recipe.parents[1])
    assert command_of(name, known) == ["-m", "recipes.paper.fit"]


def test_unknown_recipe_names_near_ones(recipe):
    with pytest.raises(FileNotFoundError, match="near: paper/fit. Received: 'paper/fitt'"):
        command_of("paper/fitt", find_recipes(recipe.parents[1]))
