"""The README and docs/ say what is true: paths, links, commands, options and imports exist."""

import argparse
import ast
import importlib.util
import re
import shlex
from pathlib import Path

import pytest

from playmate_jax.cli.arguments import parse, parser
from playmate_jax.errors import UserError

ROOT = Path(__file__).resolve().parents[1]
PAGES = [
    ROOT / "README.md",
    ROOT / "playmate_jax" / "weights" / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "integrations").glob("*/README.md")),
]
README_LINES = 170
BEAM = ("-- ", "--flink", "--spark")  # options of Apache Beam, which we only pass on
FOLDERS = "configs|launch|integrations|benchmarks|docs|playmate_jax|converters|tests"
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def blocks(page: Path, language: str) -> list[str]:
    """The fenced code blocks of a page in a language; "" for those that name none."""
    fenced = re.findall(r"^```([\w{}-]*)\n(.*?)^```$", page.read_text("utf-8"), re.M | re.S)
    return [text for name, text in fenced if name == language]


def inline_code(page: Path) -> list[str]:
    """The text between single backticks, outside fenced blocks."""
    prose = re.sub(r"^```.*?^```$", "", page.read_text("utf-8"), flags=re.M | re.S)
    return re.findall(r"`([^`\n]+)`", prose)


def command_lines(page: Path) -> list[list[str]]:
    """The commands in a page's code blocks as words, without comments."""
    joined = [line for text in blocks(page, "") for line in text.replace("\\\n", " ").splitlines()]
    return [words for line in joined if (words := shlex.split(line, comments=True))]


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives to a page's headings."""
    headings = re.findall(r"^#+ (.*)$", page.read_text("utf-8"), re.M)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_readme_is_read_in_five_minutes():
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) <= README_LINES


@each_page
def test_links_and_images_exist(page):
    for link in re.findall(r"\]\(([^)]+)\)", page.read_text("utf-8")):
        if link.startswith("https://"):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.is_file(), f"{page.name} links to {link}, which does not exist"
        assert not anchor or anchor in anchors(target), f"{page.name}: no heading for {link}"


@each_page
def test_paths_in_the_repository_exist(page):
    for code in inline_code(page):
        for path in re.findall(rf"(?:^|\s)((?:{FOLDERS})/[\w./-]*[\w/])(?=\s|$)", code):
            if "NAME" not in path:
                assert (ROOT / path).exists(), f"{page.name} names {path}, which does not exist"


@each_page
def test_commands_are_understood_by_the_command_line(page):
    for words in command_lines(page):
        if words[0] == "playmate":
            try:
                parse(words[1:])
            except UserError as error:
                pytest.fail(f"{page.name}: {shlex.join(words)}: {error}")


def flags(command):
    """All options of a command and of those below it."""
    found = set()
    for action in command._actions:
        found.update(action.option_strings)
        if isinstance(action, argparse._SubParsersAction):
            found = found.union(*map(flags, action.choices.values()))
    return found


@each_page
def test_options_in_the_text_exist(page):
    known = flags(parser())
    for code in inline_code(page):
        words = code.split()
        if words[0].startswith("--") and not code.startswith(BEAM):
            assert words[0] in known, f"{page.name} names {words[0]}, which is no option"
        elif words[0] == "playmate" and len(words) > 1:
            assert not [w for w in words if w.startswith("--") and w not in known], code
            commands = parser()._subparsers._group_actions[0].choices
            assert words[1] in commands or words[1].isupper(), f"{page.name}: {code}"


@each_page
def test_make_targets_exist(page):
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.M))
    lines = [code.split() for code in inline_code(page)] + command_lines(page)
    for words in lines:
        if words[0] == "make" and len(words) > 1:
            assert words[1] in targets, f"{page.name} names 'make {words[1]}', which is no target"


@each_page
def test_modules_that_are_run_exist(page):
    lines = [code.split() for code in inline_code(page)] + command_lines(page)
    for words in lines:
        if words[:2] == ["python", "-m"] and words[2].startswith("playmate_jax"):
            assert importlib.util.find_spec(words[2]), f"{page.name} runs {words[2]}"


@each_page
def test_names_in_python_examples_can_be_imported(page):
    if page.parent.parent.name == "integrations":
        framework = page.parent.name
        pytest.importorskip(framework, reason=f"{framework} is not installed")
    for text in blocks(page, "python"):
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ImportFrom):
                module = importlib.import_module(node.module)
                missing = [name.name for name in node.names if not hasattr(module, name.name)]
                assert not missing, f"{page.name}: {node.module} has no {', '.join(missing)}"


def test_make_runs_files_that_exist():
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for path in re.findall(r"(?:python|bash) ([\w./-]+\.(?:py|sh))", makefile):
        assert (ROOT / path).is_file(), f"the Makefile runs {path}, which does not exist"
