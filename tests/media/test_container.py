"""Files that cannot be read at all, before anyone asks what is in them."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from playmate_jax.errors import UserError
from playmate_jax.media import VideoWriter
from playmate_jax.media.container import check_readable, open_container
from playmate_jax.media.kinds import is_video


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (Path.touch, "expected speech, found the empty file 'FILE': give another"),
        (Path.mkdir, "expected speech, found the folder 'FILE': give a file"),
        (lambda path: None, "expected speech, found no file 'FILE': check the path"),
    ],
    ids=["empty", "folder", "missing"],
)
def test_what_cannot_be_read_is_said_once(tmp_path: Path, make, sentence: str):
    path = tmp_path / "a.wav"
    make(path)
    with pytest.raises(UserError) as error:
        check_readable(path, "speech")
    assert str(error.value) == sentence.replace("FILE", str(path))


def test_what_moves_is_a_video(tmp_path: Path):
    frames = [Image.fromarray(np.full((16, 16, 3), shade, np.uint8)) for shade in (0, 200)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    frames[0].save(tmp_path / "a.png")
    with VideoWriter(tmp_path / "a.mp4", 25, (16, 16)) as out:
        out.write(np.asarray(frames[0]))
    (tmp_path / "a.txt").write_text("hello")
    videos = {
        name: is_video(tmp_path / f"a.{name}") for name in ("gif", "png", "mp4", "txt", "none")
    }
    assert videos == {"gif": True, "png": False, "mp4": True, "txt": False, "none": False}


def test_a_list_of_other_files_is_no_video(tmp_path: Path):
    with VideoWriter(tmp_path / "a.mp4", 25, (64, 64)) as writer:
        for _ in range(5):
            writer.write(np.zeros((64, 64, 3), np.uint8))
    (tmp_path / "b.mp4").write_text("ffconcat version 1.0\nfile 'a.mp4'\n")
    with pytest.raises(UserError, match="b.mp4"):
        open_container(tmp_path / "b.mp4", "a video")
