"""Files stay small enough to be read at once: most fit on two screens, none is a chapter."""

import statistics
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("playmate_jax", "converters", "configs", "launch", "benchmarks", "integrations", "tests")
MEDIAN, NINTH_DECILE, LARGEST = 120, 220, 350


def lines_of_files() -> dict[str, int]:
    """The number of lines of every Python file, by its path in the repository."""
    paths = (path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))
    return {str(p.relative_to(ROOT)): len(p.read_text("utf-8").splitlines()) for p in paths}


def test_half_of_the_files_have_at_most_120_lines():
    assert statistics.median(lines_of_files().values()) <= MEDIAN


def test_nine_of_ten_files_have_at_most_220_lines():
    lines = sorted(lines_of_files().items(), key=lambda item: item[1])
    above = [f"{path}: {count}" for path, count in lines if count > NINTH_DECILE]
    assert len(above) <= len(lines) / 10, "\n".join(above)


def test_no_file_has_more_than_350_lines():
    assert not [(p, count) for p, count in lines_of_files().items() if count > LARGEST]
