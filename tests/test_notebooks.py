"""The notebooks of docs/: what is kept belongs to the sources, and each of them runs to its end."""

import importlib.util
import json
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "notebooks"
NAMES = sorted(path.stem for path in FOLDER.glob("*.py") if path.stem != "execute")


def cells(name):
    """The source of every cell that runs, as it was when the outputs were made."""
    kept = json.loads((FOLDER / f"{name}.ipynb").read_text("utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in kept if cell["cell_type"] == "code"], kept


@pytest.mark.parametrize("name", sorted(path.stem for path in FOLDER.glob("*.ipynb")))
def test_kept_outputs_are_of_these_sources_and_of_no_machine(name):
    jupytext = pytest.importorskip("jupytext", reason="needs pip install playmate-jax[docs]")
    sources, kept = cells(name)
    found = jupytext.read(FOLDER / f"{name}.py", fmt="py:percent").cells
    assert sources == [cell.source for cell in found if cell.cell_type == "code"]
    outputs = [cell["outputs"] for cell in kept if cell["cell_type"] == "code"]
    assert any(outputs)
    text = json.dumps(outputs)
    assert '"output_type": "error"' not in text and "/tmp/" not in text and "/home/" not in text


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_it_runs_to_its_end(name, tmp_path):
    pytest.importorskip("nbclient", reason="needs pip install playmate-jax[docs]")
    pytest.importorskip("ipykernel", reason="needs pip install playmate-jax[docs]")
    spec = importlib.util.spec_from_file_location("execute_notebooks", FOLDER / "execute.py")
    program = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(program)
    program.add_to_path()
    work = tmp_path / "work"
    work.mkdir()
    made = json.loads(program.execute(name, tmp_path, work).read_text("utf-8"))
    assert sum(bool(cell.get("outputs")) for cell in made["cells"]) > 2
