"""What is installed: every file that the package reads, the licence, and nothing else."""

import configparser
import importlib.metadata
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import playmate_jax

ROOT = Path(__file__).resolve().parents[1]
HOMES = {
    "playmate_jax": ROOT / "playmate_jax",
    "playmate_jax.configs": ROOT / "configs",
    "playmate_jax.converters": ROOT / "converters",
}
NOT_SHIPPED = ("__pycache__", ".pyc", ".pyi", ".DS_Store")


def data_files() -> set[Path]:
    """Every file under the packages' folders that is not Python."""
    found = (path for home in HOMES.values() for path in home.rglob("*") if path.is_file())
    return {p for p in found if p.suffix != ".py" and not any(n in str(p) for n in NOT_SHIPPED)}


def named_files() -> set[Path]:
    """The files that the patterns of package_data in setup.cfg name."""
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    return {
        path
        for package, patterns in config["options.package_data"].items()
        for pattern in patterns.split()
        for path in HOMES[package].glob(pattern)
        if path.is_file()
    }


def test_every_data_file_is_named_in_package_data():
    assert data_files() == named_files()


def test_every_pattern_of_package_data_names_a_file():
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    for package, patterns in config["options.package_data"].items():
        for pattern in patterns.split():
            assert any(HOMES[package].glob(pattern)), f"{package}: {pattern}"


def test_the_version_is_the_same_everywhere():
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    assert config["metadata"]["version"] == playmate_jax.__version__


def test_the_constraints_have_a_version_of_every_requirement_that_suits_it():
    """Else `uv pip compile` is due (docs/release.md)."""
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    extras = config["options.extras_require"].values()
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    found = [Requirement(line) for line in lines if line and not line.startswith("#")]
    versions = {
        canonicalize_name(pin.name): str(pin.specifier).removeprefix("==")
        for pin in found
        if pin.marker is None or pin.marker.evaluate()
    }
    for line in "\n".join([config["options"]["install_requires"], *extras]).split("\n"):
        if line:
            wanted = Requirement(line)
            assert versions.get(canonicalize_name(wanted.name), "") in wanted.specifier, line


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    """A wheel and a source distribution, built from a copy so that the checkout stays clean."""
    found = importlib.metadata.version("setuptools")
    if int(found.split(".")[0]) < 77:
        pytest.skip(f"needs setuptools 77 or newer, found {found}: pip install -U setuptools")
    copy, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("built")
    for name in ("playmate_jax", "configs", "converters", "integrations", "tests", "docs"):
        ignored = shutil.ignore_patterns("__pycache__", "_build", "api")
        shutil.copytree(ROOT / name, copy / name, ignore=ignored)
    for path in ROOT.iterdir():
        if path.is_file() and not path.name.startswith(".git"):
            shutil.copyfile(path, copy / path.name)
    build = (
        "import sys, setuptools.build_meta as b; out = sys.argv[1];"
        "b.build_wheel(out); b.build_sdist(out)"
    )
    subprocess.run([sys.executable, "-c", build, out], cwd=copy, check=True, capture_output=True)
    return out


@pytest.mark.slow
def test_the_wheel_holds_the_packages_their_files_and_the_licence(built):
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if not name.endswith("/")}
    inside = {name for name in names if ".dist-info/" not in name}
    wanted = {
        str(Path(package.replace(".", "/")) / path.relative_to(home))
        for package, home in HOMES.items()
        for path in (*home.rglob("*.py"), *(p for p in data_files() if p.is_relative_to(home)))
    }
    assert inside == wanted
    assert "playmate_jax/weights/demo/generator/params.safetensors" in inside
    assert [name for name in names if re.fullmatch(r"[^/]+\.dist-info/licenses/LICENSE", name)]


@pytest.mark.slow
def test_the_source_distribution_builds_what_the_wheel_holds(built):
    (source,) = built.glob("*.tar.gz")
    with tarfile.open(source) as archive:
        names = {member.name.partition("/")[2] for member in archive if member.isfile()}
    assert {"LICENSE", "README.md", "CHANGELOG.md", "setup.cfg", "pyproject.toml"} <= names
    assert {str(path.relative_to(ROOT)) for path in data_files()} <= names
    assert not [
        name
        for name in names
        if name.startswith(("tests/", "benchmarks/", "docs/", "integrations/"))
    ]
