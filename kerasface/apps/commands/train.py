"""`kerasface train`: runs a recipe of the checkout by name, or any recipe by its path."""

from __future__ import annotations

import argparse
import ast
import os
import subprocess
import sys
from difflib import get_close_matches
from pathlib import Path

RECIPES = Path(__file__).parents[3] / "recipes"


def add_train(subparsers) -> None:
    """Adds `train`."""
    parser = subparsers.add_parser(
        "train",
        help="run a training recipe; without a name, list them",
        description="Runs a recipe: one flat Python file that reads top to bottom. What follows "
        "its name is passed on; `kerasface train RECIPE --help` shows the recipe's own options.",
    )
    parser.add_argument("recipe", nargs="?", help="a name from the list, or a path of a .py file")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="options of the recipe")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Runs the recipe in a process of its own and gives its exit code."""
    known = find_recipes(RECIPES)
    if options.recipe is None:
        for name, (_, purpose) in known.items():
            print(f"{name:28}  {purpose}")
        if not known:
            raise FileNotFoundError(
                "no recipes here: they are in a checkout; give a path of a .py file"
            )
        return 0
    command = command_of(options.recipe, known)
    environment = dict(os.environ)
    if RECIPES.is_dir():
        # So that a recipe finds the files beside it as `recipes.<folder>.<file>`.
        paths = [str(RECIPES.parent), environment.get("PYTHONPATH")]
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    return subprocess.call([sys.executable, *command, *options.arguments], env=environment)


def find_recipes(root: Path) -> dict[str, tuple[Path, str]]:
    """Runnable files below a folder: by name ("face_zoo/train") the path and first line."""
    found = {}
    for path in sorted(root.glob("*/*.py")):
        source = path.read_text(encoding="utf-8")
        if "__main__" in source:
            purpose = (ast.get_docstring(ast.parse(source)) or "").partition("\n")[0]
            found[f"{path.parent.name}/{path.stem}"] = (path, purpose)
    return found


def command_of(recipe: str, known: dict[str, tuple[Path, str]]) -> list[str]:
    """What Python is given to run a recipe.

    Raises:
        FileNotFoundError: no such recipe and no such file; near names are listed.
    """
    name = recipe.removesuffix(".py").removeprefix("recipes/")
    if name in known:
        return ["-m", ".".join(("recipes", *name.split("/")))]
    if recipe.endswith(".py") and Path(recipe).is_file():
        return [recipe]
    near = get_close_matches(name, known, cutoff=0.4) or list(known)
    raise FileNotFoundError(
        f"no recipe of that name, nor a .py file; near: {', '.join(near) or 'none'}. "
        f"Received: {recipe!r}"
    )
