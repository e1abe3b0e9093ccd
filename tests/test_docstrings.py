"""Docstrings: nearly every public name has one, and none is too short to say anything."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("playmate_jax", "converters", "configs", "integrations")
LEAST_SHARE, LEAST_WORDS = 0.95, 5
# Like `__call__`, these are the frameworks' own methods (linen's, PyTorch's): the class's docstring
# says what the module computes.
FRAMEWORKS_OWN = {"setup", "forward"}
Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


class Documented(NamedTuple):
    """A module, class, function or method."""

    place: str
    docstring: str | None


def public_names(folder: str) -> list[Documented]:
    """Every module of a folder, and its public classes, functions and methods."""
    found = []
    for path in sorted((ROOT / folder).rglob("*.py")):
        text = path.read_text("utf-8")
        if not text.strip():
            continue
        module, place = ast.parse(text), str(path.relative_to(ROOT))
        found.append(Documented(place, ast.get_docstring(module)))
        found += definitions(module, place)
    return found


def definitions(parent: ast.Module | ast.ClassDef, place: str) -> Iterator[Documented]:
    """Public definitions in a module or a public class; those inside functions are private."""
    for node in parent.body:
        if isinstance(node, Definition) and not node.name.startswith("_"):
            if node.name in FRAMEWORKS_OWN and isinstance(parent, ast.ClassDef):
                continue
            name = f"{place}:{node.lineno} {node.name}"
            yield Documented(name, ast.get_docstring(node))
            if isinstance(node, ast.ClassDef):
                yield from definitions(node, place)


@pytest.mark.parametrize("folder", FOLDERS)
def test_public_names_have_docstrings(folder):
    names = public_names(folder)
    missing = [name.place for name in names if not name.docstring]
    allowed = (1 - LEAST_SHARE) * len(names)
    assert len(missing) <= allowed, "\n".join(["without a docstring:", *missing])


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_docstring_is_below_five_words(folder):
    short = [
        f"{name.place}: {name.docstring}"
        for name in public_names(folder)
        if name.docstring and len(name.docstring.split()) < LEAST_WORDS
    ]
    assert not short, "\n".join(["too short to say anything:", *short])
