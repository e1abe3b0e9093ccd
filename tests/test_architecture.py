"""Imports point one way, files too, and the package knows neither PyTorch nor TensorFlow."""

import ast
import configparser
import functools
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "playmate_jax"
# From the ground up: a part imports parts that stand before it, and nothing else. `hub` reads and
# writes weights without knowing a network, so that networks can be loaded by their own modules.
ORDER = (
    "errors", "paths", "configuration", "geometry", "motion", "media", "diffusion", "parallel",
    "hub", "models", "faces", "synthetic", "data", "losses", "inference", "metrics", "prepare",
    "training", "serve", "converters", "configs", "benchmark", "cli", "__main__",
)  # fmt: skip
HOMES = {
    "playmate_jax": PACKAGE,
    "playmate_jax.converters": ROOT / "converters",
    "playmate_jax.configs": ROOT / "configs",
}


def module_name(home: str, path: Path) -> str:
    parts = path.relative_to(HOMES[home]).with_suffix("").parts
    return ".".join((home, *parts)).removesuffix(".__init__")


MODULES = {
    module_name(h, path): path for h, folder in HOMES.items() for path in folder.rglob("*.py")
}
FILES = sorted(PACKAGE.rglob("*.py"))


@functools.cache
def imported_modules(path: Path) -> frozenset[str]:
    """Every module that a file imports, at any depth of its code."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: relative import"
            inside = {f"{node.module}.{alias.name}" for alias in node.names}
            # a name from a package is a module of it, or comes from its __init__
            names |= inside if inside <= MODULES.keys() else {node.module} | inside
    return frozenset(names)


def part(module: str) -> str:
    """The entry of ORDER that a module belongs to; "" for the package itself."""
    return (module.split(".") + [""])[1]


@pytest.mark.parametrize("module", sorted(MODULES))
def test_imports_point_strictly_downward(module):
    here = part(module)
    for name in imported_modules(MODULES[module]):
        assert name.split(".")[0] != "tensorflow", f"{module} imports {name}"
        there = part(name) if name.split(".")[0] == "playmate_jax" else ""
        if there and here and there != here and (name in MODULES or there in ORDER):
            assert ORDER.index(there) < ORDER.index(here), f"{module} imports {name}"


def test_every_part_has_its_place():
    assert {part(module) for module in MODULES} - {""} == set(ORDER)


def test_no_two_files_import_each_other():
    """What neither ends nor begins a chain of imports would be a circle."""
    left = {
        m: {n for n in imported_modules(p) if n in MODULES and n != m} for m, p in MODULES.items()
    }
    while True:
        imported = set().union(*left.values())
        kept = {m: names & left.keys() for m, names in left.items() if m in imported}
        kept = {m: names for m, names in kept.items() if names}
        if kept == left:
            break
        left = kept
    assert not left, f"files that import each other: {left}"


def test_setup_lists_every_package():
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    found = set()
    for name, home in HOMES.items():
        folders = {path.parent for path in home.rglob("*.py")}
        found |= {".".join((name, *path.relative_to(home).parts)) for path in folders}
    assert set(config["options"]["packages"].split()) == found


def test_torch_lives_in_converters_alone():
    others = [*(ROOT / "configs").glob("*.py"), *(ROOT / "launch").rglob("*.py"), *FILES]
    assert not [
        path for path in others if {"torch"} & {n.split(".")[0] for n in imported_modules(path)}
    ]


def test_integrations_use_inference_alone_and_the_package_knows_none_of_them():
    used = {
        ".".join(name.split(".")[:2])
        for path in (ROOT / "integrations").rglob("*.py")
        for name in imported_modules(path)
        if name.split(".")[0] == "playmate_jax"
    }
    assert used == {"playmate_jax.inference"}
    frameworks = {"pipecat", "livekit", "pipecat_playmate", "livekit_playmate"}
    others = [*MODULES.values(), *(ROOT / "launch").rglob("*.py")]
    assert not [p for p in others if frameworks & {n.split(".")[0] for n in imported_modules(p)}]
