"""Names that a file system takes, for every writer by one function."""

import os
from pathlib import Path

import numpy as np
import pytest

from playmate_jax.errors import UserError
from playmate_jax.media import VideoWriter, check_writable, write_image, write_wav
from playmate_jax.paths import check_names, shortened, unfinished


@pytest.mark.parametrize(
    ("stems", "suffix"),
    [
        (["portrait", "speech"], ".mp4"),
        (["n" * 140, "m" * 140], ".mp4"),
        (["é" * 100, "日本" * 60], ".mp4"),
        (["short", "🙂" * 100], ".mp4"),
    ],
)
def test_default_names_fit_and_keep_what_they_can(stems: list[str], suffix: str):
    name = shortened(stems, suffix)
    assert len(name.encode()) <= 255 and name.endswith(suffix)
    whole = "-".join(stems) + suffix
    if len(whole.encode()) <= 255:
        assert name == whole
    else:
        first, _, second = name.removesuffix(suffix).partition("-")
        assert stems[0].startswith(first) and stems[1].startswith(second)
        assert len(name.encode()) > 245  # a letter of 4 bytes may not fit at both ends


def test_a_name_that_fits_can_be_written_to_its_last_byte(tmp_path: Path):
    name = tmp_path / ("n" * 251 + ".wav")
    write_wav(name, np.zeros(100, np.float32))
    write_image(tmp_path / ("n" * 251 + ".png"), np.zeros((20, 20, 3), np.uint8))
    with VideoWriter(tmp_path / ("é" * 125 + ".mp4"), 25, (64, 48)) as out:
        out.write(np.zeros((48, 64, 3), np.uint8))
    assert len(os.listdir(tmp_path)) == 3


@pytest.mark.parametrize("name", ["n" * 300 + ".mp4", "é" * 150 + ".mp4", "n" * 252 + ".mp4"])
def test_names_too_long_are_one_sentence(tmp_path: Path, name: str):
    for write in (check_names, check_writable, lambda path: VideoWriter(path, 25, (8, 8))):
        with pytest.raises(UserError, match="at most 255 bytes") as error:
            write(tmp_path / name)
        assert "\n" not in str(error.value) and len(str(error.value)) < 200


def test_folders_and_whole_paths_have_limits_too(tmp_path: Path):
    with pytest.raises(UserError, match="at most 255 bytes"):
        check_names(tmp_path / ("n" * 256) / "a.mp4")
    with pytest.raises(UserError, match="bytes: shorten it"):
        check_names(tmp_path.joinpath(*["n" * 200] * 25))
    check_names(tmp_path / "a" / "b" / ("n" * 255))
    check_names("relative.mp4")


def test_weights_and_motion_with_long_names_are_written(tmp_path: Path):
    from playmate_jax.hub.weights import whole_folder
    from playmate_jax.inference.motion_files import MotionClip, write_motion

    motion = np.zeros((2, 70), np.float32)
    motion[:, 63] = 1
    write_motion(tmp_path / ("n" * 251 + ".npz"), MotionClip(motion, 25.0))
    with whole_folder(tmp_path / ("w" * 255)) as folder:
        (folder / "config.json").write_text("{}")
    with pytest.raises(UserError, match="at most 255 bytes"), whole_folder(tmp_path / ("w" * 256)):
        pass
    assert len(os.listdir(tmp_path)) == 2


def test_unfinished_files_lie_beside_and_keep_the_suffix(tmp_path: Path):
    part = unfinished(tmp_path / ("n" * 250 + ".png"))
    assert part.parent == tmp_path and part.suffix == ".png" and len(part.name) < 30


@pytest.mark.parametrize(
    "words",
    [
        ["train", "config.py", "--workdir"],
        ["data", "report"],
        ["prepare", "folder", ".", "--out"],
        ["convert", "a.safetensors"],
        ["weights", "card"],
    ],
)
def test_every_command_says_it_in_one_sentence(tmp_path: Path, monkeypatch, capsys, words):
    from playmate_jax.cli import run

    monkeypatch.chdir(tmp_path)
    Path("a.mp4").touch()
    assert run([*words, "n" * 300]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "at most 255 bytes, found one of 300" in said
    assert os.listdir() == ["a.mp4"]
