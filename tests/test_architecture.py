"""Imports point one way, and the package knows neither PyTorch nor TensorFlow."""

import ast
import configparser
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "playmate_jax"
# Lower numbers never import higher ones; areas of the same number meet only where allowed below.
LEVEL = {
    "errors": 0, "geometry": 1, "media": 1, "motion": 1, "diffusion": 1, "parallel": 1,
    "faces": 2, "models": 2, "data": 2,
    "prepare": 3, "training": 3, "inference": 3, "metrics": 3, "converters": 3,
    "cli": 4, "__main__": 5,
}  # fmt: skip
ALLOWED_SIDEWAYS = {
    ("faces", "media"), ("diffusion", "motion"),
    ("training", "metrics"), ("training", "inference"), ("metrics", "inference"),
    ("metrics", "training"), ("prepare", "metrics"), ("prepare", "inference"),
}  # fmt: skip
FILES = sorted(PACKAGE.rglob("*.py"))


def imported_modules(path: Path) -> set[str]:
    """Every module that a file imports, at any depth of its code."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: relative import"
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def area(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_one_way(path):
    here = area(path)
    if here == "__init__":
        return
    for name in imported_modules(path):
        top = name.split(".")[0]
        assert top not in ("torch", "tensorflow"), f"{path} imports {name}"
        parts = name.split(".")
        if top != "playmate_jax" or len(parts) < 2 or parts[1] == here:
            continue
        there = parts[1]
        assert there in LEVEL, f"{path} imports {name}, which has no place in the layout"
        sideways = LEVEL[there] == LEVEL[here] and (here, there) in ALLOWED_SIDEWAYS
        assert LEVEL[there] < LEVEL[here] or sideways, f"{path}: {here} may not import {there}"


def test_every_folder_has_its_place():
    folders = {path.name for path in PACKAGE.iterdir() if path.is_dir() and any(path.glob("*.py"))}
    assert folders <= LEVEL.keys()


def test_setup_lists_every_package():
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    homes = {"playmate_jax": PACKAGE}
    homes |= {f"playmate_jax.{name}": ROOT / name for name in ("configs", "converters")}
    found = set()
    for name, home in homes.items():
        folders = {path.parent for path in home.rglob("*.py")}
        found |= {".".join((name, *path.relative_to(home).parts)) for path in folders}
    assert set(config["options"]["packages"].split()) == found


def test_torch_lives_in_converters_alone():
    others = [*(ROOT / "configs").glob("*.py"), *(ROOT / "launch").rglob("*.py"), *FILES]
    assert not [
        path for path in others if {"torch"} & {n.split(".")[0] for n in imported_modules(path)}
    ]
