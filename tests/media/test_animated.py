"""Still or moving is decided by what a file holds; animated images are videos on white."""

import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from playmate_jax.errors import UserError
from playmate_jax.media import image as image_files
from playmate_jax.media import is_video, kind, open_video, read_image

COLOURS = [(200, 40, 30), (30, 160, 60), (20, 60, 210)]
ANIMATED = ["gif", "png", "webp", "avif"]


def _frames(mode: str = "RGB", size: tuple[int, int] = (48, 32)) -> list[Image.Image]:
    return [Image.new("RGB", size, colour).convert(mode) for colour in COLOURS]


def _save(path: Path, frames: list[Image.Image], duration) -> Path:
    options = {"lossless": True} if path.suffix == ".webp" else {}
    options = {"quality": 100, "subsampling": "4:4:4"} if path.suffix == ".avif" else options
    frames[0].save(
        path, save_all=True, append_images=frames[1:], duration=duration, loop=0, **options
    )
    return path


@pytest.mark.parametrize("suffix", ANIMATED)
def test_an_animated_image_is_a_video_with_its_own_durations(tmp_path: Path, suffix: str):
    path = _save(tmp_path / f"a.{suffix}", _frames(), [80, 200, 120])
    assert kind(path) == "video" and is_video(path)
    reader = open_video(path)
    frames = list(reader)
    assert [frame.time_s for frame in frames] == [0, Fraction(80, 1000), Fraction(280, 1000)]
    assert reader.duration_s == pytest.approx(0.4) and reader.frame_count == 3
    assert reader.fps == Fraction(15, 2) and reader.size == (48, 32) and not reader.has_audio
    shown = [frame.image[16, 24].astype(int) for frame in frames]
    assert abs(np.array(shown) - COLOURS).max() <= (6 if suffix == "avif" else 0)  # AVIF is YCbCr
    # frame t at 25 fps shows the nearest of 0, 80 and 280 ms to 40 t ms, the earlier of two
    near = [image[16, 24].argmax() for image in reader.frames_at(25)]
    assert near == [0, 1, 1, 1, 1, 2, 2, 2, 2, 2]


@pytest.mark.parametrize("suffix", ANIMATED)
def test_a_single_frame_is_an_image(tmp_path: Path, suffix: str):
    path = tmp_path / f"a.{suffix}"
    _frames()[0].save(path)
    assert kind(path) == "image" and not is_video(path)


@pytest.mark.parametrize("suffix", ["gif", "png", "webp", "avif"])
def test_what_is_transparent_is_white_in_every_frame(tmp_path: Path, suffix: str):
    frames = []
    for n, colour in enumerate(COLOURS):
        pixels = np.zeros((32, 48, 4), np.uint8)
        pixels[:, 8 * n : 8 * n + 16] = (*colour, 255)  # the rest: transparent black
        pixels[[0, 0, -1, -1], [0, -1, 0, -1]] = (*colour, 255)  # or encoders cut the rest off
        frames.append(Image.fromarray(pixels))
    options = {"disposal": 2} if suffix == "gif" else {}
    options = {"disposal": 1} if suffix == "png" else options
    if suffix == "webp":
        options = {"lossless": True}
    path = tmp_path / f"a.{suffix}"
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=100, **options)
    for n, frame in enumerate(open_video(path)):
        inside = frame.image[4:28, 8 * n + 4 : 8 * n + 12].reshape(-1, 3).astype(int)
        outside = frame.image[4:28, 8 * n + 20 :].reshape(-1, 3)
        assert abs(inside.mean(0) - COLOURS[n]).max() <= 6
        assert outside.min() >= 250


def test_durations_of_nothing_are_a_tenth_of_a_second(tmp_path: Path):
    """As browsers show old GIFs."""
    reader = open_video(_save(tmp_path / "a.gif", _frames(), 0))
    assert reader.fps == 10 and len(list(reader.frames_at(10))) == 3


def test_an_apng_may_last_fractions_of_a_millisecond_longer(tmp_path: Path):
    reader = open_video(_save(tmp_path / "a.png", _frames(), 1001 / 30))
    assert abs(float(reader.fps) - 29.97) < 0.01
    assert len(list(reader.frames_at())) == 3


def test_an_apngs_image_for_old_programs_is_not_part_of_it(tmp_path: Path):
    still, *moving = _frames()
    path = tmp_path / "a.png"
    still.save(path, save_all=True, append_images=moving, duration=100, default_image=True)
    colours = [tuple(frame.image[0, 0]) for frame in open_video(path)]
    assert colours == COLOURS[1:]


@pytest.mark.parametrize(("name", "form"), [("a.jpg", "MPO"), ("a.tif", "TIFF")])
def test_several_images_in_a_file_are_no_video(tmp_path: Path, name: str, form: str):
    frames = _frames(size=(64, 64))
    frames[0].save(tmp_path / name, form, save_all=True, append_images=frames[1:])
    assert kind(tmp_path / name) == "image" and not is_video(tmp_path / name)
    first = read_image(tmp_path / name)
    assert first.shape == (64, 64, 3) and abs(first[32, 32].astype(int) - COLOURS[0]).max() <= 6


def test_a_cut_animation_is_one_sentence(tmp_path: Path):
    rng = np.random.default_rng(0)
    noise = [Image.fromarray(rng.integers(0, 255, (64, 64, 3), np.uint8)) for _ in range(8)]
    for suffix in ANIMATED:
        path = _save(tmp_path / f"a.{suffix}", noise, 40)
        path.write_bytes(path.read_bytes()[: path.stat().st_size * 3 // 5])
        try:
            assert len(list(open_video(path))) < 8  # what is whole may be shown
        except UserError as error:
            assert "\n" not in str(error)


def test_memory_does_not_grow_with_an_animation(tmp_path: Path):
    """Frames are made one after the other: the first is there before the last is decoded."""
    frames = [Image.new("L", (64, 64), shade) for shade in range(60)]
    path = _save(tmp_path / "a.webp", frames, 40)
    images = open_video(path).frames_at()
    assert next(images)[0, 0, 0] == 0 and sum(1 for _ in images) == 59


def test_a_heic_photo_is_an_image(tmp_path: Path):
    heif = pytest.importorskip("pillow_heif", reason="pillow-heif is not installed")
    photo = Image.fromarray(np.full((64, 48, 3), COLOURS[0], np.uint8))
    path = tmp_path / "IMG_0001.HEIC"
    heif.from_pillow(photo).save(path, quality=95)
    assert kind(path) == "image" and not is_video(path)
    read = read_image(path)
    assert read.shape == (64, 48, 3) and abs(read[32, 24].astype(int) - COLOURS[0]).max() <= 6


def test_a_heic_photo_with_several_images_is_its_first(tmp_path: Path):
    heif = pytest.importorskip("pillow_heif", reason="pillow-heif is not installed")
    file = heif.from_pillow(_frames(size=(64, 64))[0])
    for other in _frames(size=(64, 64))[1:]:
        file.add_from_pillow(other)
    file.save(tmp_path / "a.heic", quality=95)
    assert kind(tmp_path / "a.heic") == "image"
    assert abs(read_image(tmp_path / "a.heic")[32, 32].astype(int) - COLOURS[0]).max() <= 6


def test_heic_without_its_package_is_one_sentence(tmp_path: Path, monkeypatch):
    path = tmp_path / "a.heic"
    path.write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(200))
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    image_files._heif_is_known.cache_clear()
    try:
        assert kind(path) == "image" and not is_video(path)
        with pytest.raises(UserError, match="pip install pillow-heif") as error:
            read_image(path)
        assert "\n" not in str(error.value)
    finally:
        image_files._heif_is_known.cache_clear()
