"""The site of docs/: every page is in its contents, the API page names real modules, it builds."""

import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"


def directives(page: str, name: str) -> list[str]:
    """The lines of all directives of a name on a page, without options and empty lines."""
    text = (DOCS / page).read_text("utf-8")
    bodies = re.findall(rf"^```{{{name}}}\n(.*?)^```$", text, re.M | re.S)
    lines = [line.strip() for body in bodies for line in body.splitlines()]
    return [line for line in lines if line and not line.startswith((":", ".. "))]


def test_the_contents_list_every_page_once():
    pages = {path.stem for path in DOCS.glob("*.md")} - {"index"}
    assert sorted(directives("index.md", "toctree")) == sorted(pages)


@pytest.mark.parametrize("module", directives("api.md", "eval-rst"))
def test_modules_of_the_api_page_import_and_have_public_names(module):
    found = importlib.import_module(module)
    assert found.__doc__ and [name for name in dir(found) if not name.startswith("_")]


@pytest.mark.slow
def test_the_site_builds_without_a_warning(tmp_path):
    pytest.importorskip("furo", reason="needs pip install playmate-jax[docs]")
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-b", "html"]
    # nothing of it is written into docs/: autosummary's pages lie beside the sources
    sources = tmp_path / "checkout" / "docs"
    copied = ("*.md", "*.py", "*.jpg", "*.svg", "_templates/autosummary/*", "notebooks/*")
    for file in (file for pattern in copied for file in DOCS.glob(pattern)):
        target = sources / file.relative_to(DOCS)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(file.read_bytes())
    for name in ("setup.cfg", "playmate_jax/weights/README.md"):
        (target := tmp_path / "checkout" / name).parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes((ROOT / name).read_bytes())
    made = subprocess.run(
        [*command, sources, tmp_path / "html"],
        check=False,
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert made.returncode == 0, made.stderr
    page = (tmp_path / "html" / "api" / "playmate_jax.diffusion.samplers.html").read_text("utf-8")
    assert "ddim" in page and "jaxtyping" not in re.sub(r"<[^>]+>", "", page)
