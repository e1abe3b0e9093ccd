"""The registry: a folder per family, each with one `FAMILY`, and the command that lists them."""

import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

from playmate_jax import converters
from playmate_jax.cli import run
from playmate_jax.converters.family import Family
from playmate_jax.converters.registry import FAMILIES, by_name

HOME = Path(converters.__path__[0])
OTHERS = {"to_jax", "to_onnx"}  # takes any network of ours, in one direction
FOLDERS = sorted({path.parent.name for path in HOME.glob("*/__init__.py")} - OTHERS)


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_folder_exports_exactly_one_family(folder):
    module = importlib.import_module(f"playmate_jax.converters.{folder}")
    found = [value for value in vars(module).values() if isinstance(value, Family)]
    assert found == [module.FAMILY] and module.FAMILY in FAMILIES


def test_every_family_has_a_folder_of_its_name():
    assert sorted(family.name.replace("-", "_") for family in FAMILIES) == FOLDERS


def test_the_command_line_lists_every_family(capsys):
    assert run(["convert", "--help"]) == 0
    printed = capsys.readouterr().out.split()
    assert {family.name for family in FAMILIES} <= set(printed)


def test_every_family_says_what_it_is_and_may_be_found_by_name():
    for family in FAMILIES:
        assert by_name(family.name) is family
        assert family.title and family.licence and isinstance(family.tiny, family.config_class)


def test_every_family_has_a_recording_of_its_references():
    recorded = {path.stem for path in (HOME / "recordings").glob("*.npz")}
    assert recorded == {family.name for family in FAMILIES}


def test_no_two_families_have_a_port_for_one_recording():
    names = [name for family in FAMILIES for name in family.ports]
    assert len(names) == len(set(names))


def test_torch_is_imported_in_references_and_the_reader_of_its_files_alone():
    """At module level nowhere but in references; inside of functions where both sides are run."""
    at_top = {
        path.relative_to(HOME).as_posix()
        for path in HOME.rglob("*.py")
        if re.search(r"^(import|from) torch\b", path.read_text("utf-8"), re.MULTILINE)
    }
    assert all(Path(path).name.startswith("reference") for path in at_top) and at_top


def test_conversions_of_safetensors_need_no_torch():
    program = (
        "import sys; sys.modules['torch'] = None\n"
        "from playmate_jax.converters import convert, fetch, parity, round_trips\n"
        "from playmate_jax.converters.registry import FAMILIES\n"
        "assert [f.runs(f.tiny) for f in FAMILIES]\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=300)
