"""How Sphinx makes the site: the Markdown pages as they are, and the API from the docstrings.

`make docs` writes docs/_build/html. Warnings are errors there, also names that lead nowhere.
"""

import configparser
import re
from pathlib import Path

_setup = configparser.ConfigParser()
_setup.read(Path(__file__).resolve().parents[1] / "setup.cfg")

project = author = html_title = "playmate_jax"
release = version = _setup["metadata"]["version"]
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
]
html_theme = "furo"
exclude_patterns = ["_build"]
templates_path = ["_templates"]
myst_heading_anchors = 3  # the anchors that a forge gives to headings

highlight_language = "none"
default_role = "literal"  # docstrings write `code` as Markdown does
autodoc_mock_imports = ["torch"]
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autodoc_typehints_format = "short"
napoleon_use_ivar = True
napoleon_attr_annotations = False  # the signature shows them
maximum_signature_line_length = 90
nitpicky = True
# Other projects' names have no page here; nor have names of this one that api.md leaves out.
nitpick_ignore_regex = [("py:.*", ".*")]

# What annotations resolve to, and the names by which the code calls it.
_NAMES = {
    "jaxlib._jax.Array": "Array",
    "Key[Array, ''] | UInt32[Array, '2'] | UInt32[Array, '4']": "PRNGKeyArray",
    "Array | ndarray | bool | number | bool | int | float | complex": "ArrayLike",
}
_LINEN = re.compile(r"(, )?parent: [^=]*= <flax[^>]*>, name: str \| None = None")
_SECTION = re.compile(r"(Args|Attributes|Returns|Yields|Raises|References?|Example)s?:")


def _as_rst(app, what, name, obj, options, lines: list[str]) -> None:
    """Docstrings are plain text: paragraphs with columns or indented lines become literal blocks,
    and the characters of mathematics lose the meaning that reStructuredText gives them."""
    text = "\n".join(lines)
    found = re.search(rf"^{_SECTION.pattern}", text, re.M)
    head, sections = (text[: found.start()], text[found.start() :]) if found else (text, "")
    paragraphs = [_paragraph(part) for part in re.split(r"\n\s*\n", head.strip("\n"))]
    # docutils would take the first of several names for a type
    sections = re.sub(r"(?m)^ +\w+(, \w+)+:", lambda names: names[0].replace(", ", ","), sections)
    lines[:] = ("\n\n".join(paragraphs) + "\n\n" + _plain(sections)).split("\n")


def _paragraph(text: str) -> str:
    columns = re.search(r"^\s|\S {2,}\S", text, re.M)
    literal = "::\n\n" + re.sub(r"^", "   ", text, flags=re.M)
    return literal if columns and not text.startswith((".. ", "- ")) else _plain(text)


def _plain(text: str) -> str:
    parts = re.split(r"(`[^`]*`)", text)
    parts[::2] = [re.sub(r"[|*]|(?<=\w)_(?!\w)", r"\\\g<0>", part) for part in parts[::2]]
    return "".join(parts)


def _as_written(app, what, name, obj, options, signature, returned):
    """Signatures with the names of the code, and without what linen adds to every module's."""
    found = [re.sub(r"~(?!playmate_jax)(\w+\.)*", "", text or "") for text in (signature, returned)]
    for resolved, written in _NAMES.items():
        found = [text.replace(resolved, written) for text in found]
    return tuple(_LINEN.sub("", text) or None for text in found)


def _outside(app, page: str, source: list[str]) -> None:
    """Links to files outside docs/ become links to copies of them."""
    source[0] = source[0].replace("](../", "](path:../")


def setup(app) -> None:
    """Called by Sphinx: docstrings pass `_as_rst` before napoleon reads their sections."""
    app.connect("autodoc-process-docstring", _as_rst, priority=400)
    app.connect("autodoc-process-signature", _as_written)
    app.connect("source-read", _outside)
