"""Runs the notebooks of this folder and keeps them with their outputs.

    pip install -e '.[docs,train,prepare,convert]'
    python docs/notebooks/execute.py [--out DIR] [NAME ...]

The sources are Python files (jupytext's percent format); NAME.ipynb appears beside them, or in
DIR. What cells write goes to a temporary folder. A cell that fails ends all, with its traceback.
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient

HERE = Path(__file__).resolve().parent
NAMES = ("animate", "convert", "train_tiny")
_CELL_S = 1800


def execute(name: str, out: Path, folder: Path) -> Path:
    """Runs one notebook within `folder`; returns the file with its outputs.

    Raises:
      nbclient.exceptions.CellExecutionError: a cell failed.
    """
    notebook = jupytext.read(HERE / f"{name}.py", fmt="py:percent")
    resources = {"metadata": {"path": str(folder)}}
    client = NotebookClient(notebook, timeout=_CELL_S, kernel_name="python3", resources=resources)
    client.execute()
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number}"  # the same ones each time
        cell.metadata.clear()
        for output in cell.get("outputs", ()):
            if "text" in output:
                output.text = output.text.replace(f"{folder}/", "")
    target = out / f"{name}.ipynb"
    nbformat.write(notebook, target)
    return target


def add_to_path() -> None:
    """Has cells find the `playmate` of this Python's environment."""
    folders = [str(Path(sys.executable).parent), os.environ.get("PATH", "")]
    os.environ["PATH"] = os.pathsep.join(folders)


def main() -> None:
    """Runs the notebooks that the command line names, or all of them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(NAMES))
    parser.add_argument("--out", type=Path, default=HERE, help="folder of the results")
    args = parser.parse_args()
    add_to_path()
    for name in args.names or NAMES:
        with tempfile.TemporaryDirectory() as folder:
            print(execute(name, args.out, Path(folder).resolve()))


if __name__ == "__main__":
    main()
