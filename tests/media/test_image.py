"""Images: whatever is in the file, uint8 RGB comes out, upright and opaque, or one sentence."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from playmate_jax.errors import UserError
from playmate_jax.media import kind, read_image, write_image


def _gradient(width: int = 40, height: int = 30) -> np.ndarray:
    rows, columns = np.mgrid[:height, :width]
    return np.stack([rows * 8, columns * 6, 255 - columns * 6], -1).astype(np.uint8)


def test_a_image_survives(tmp_path: Path):
    write_image(tmp_path / "a.png", _gradient())
    assert (read_image(tmp_path / "a.png") == _gradient()).all()
    assert kind(tmp_path / "a.png") == "image"


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(tmp_path: Path, orientation: int):
    undo = [None, *(getattr(Image.Transpose, name) for name in (
        "FLIP_LEFT_RIGHT", "ROTATE_180", "FLIP_TOP_BOTTOM", "TRANSPOSE",
        "ROTATE_90", "TRANSVERSE", "ROTATE_270"))]  # fmt: skip
    stored = Image.fromarray(_gradient())
    if undo[orientation - 1] is not None:
        stored = stored.transpose(undo[orientation - 1])
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored.save(tmp_path / "a.png", exif=exif)
    assert (read_image(tmp_path / "a.png") == _gradient()).all()


@pytest.mark.parametrize("background", [(255, 255, 255), (10, 200, 30)])
def test_transparency_is_laid_over_the_background(tmp_path: Path, background):
    image = np.zeros((20, 20, 4), np.uint8)
    image[:, 5:, 3], image[:, 10:, 3] = 128, 255
    image[..., 0] = 200
    Image.fromarray(image).save(tmp_path / "a.png")
    read = read_image(tmp_path / "a.png", background)
    assert (read[0, 0] == background).all()
    assert (read[0, 15] == (200, 0, 0)).all()
    half = np.array([200, 0, 0]) * 128 / 255 + np.array(background) * 127 / 255
    assert abs(read[0, 7] - half).max() <= 1  # rounding


def test_a_transparent_palette_is_laid_over_white(tmp_path: Path):
    image = Image.fromarray(np.tile(np.arange(20, dtype=np.uint8) // 10, (20, 1)), mode="P")
    image.putpalette([255, 0, 0, 0, 0, 255])
    image.save(tmp_path / "a.png", transparency=0)
    read = read_image(tmp_path / "a.png")
    assert read[0, 0].tolist() == [255, 255, 255]
    assert read[0, 15].tolist() == [0, 0, 255]


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "CMYK", "YCbCr", "HSV", "LAB"])
def test_every_mode_becomes_rgb(tmp_path: Path, mode: str):
    if mode == "LAB":
        image = Image.new("LAB", (20, 20), (128, 128, 128))
    else:
        image = Image.new("RGB", (20, 20), (255, 255, 255)).convert(mode)
    image.save(tmp_path / "a.tif") if mode not in ("HSV",) else image.convert("RGB").save(
        tmp_path / "a.tif"
    )
    read = read_image(tmp_path / "a.tif")
    assert read.shape == (20, 20, 3) and read.dtype == np.uint8
    if mode != "LAB":
        assert read.min() >= 254


def test_a_cmyk_jpeg_keeps_its_colours(tmp_path: Path):
    Image.new("RGB", (32, 32), (200, 60, 90)).convert("CMYK").save(tmp_path / "a.jpg")
    assert abs(read_image(tmp_path / "a.jpg")[16, 16].astype(int) - (200, 60, 90)).max() <= 4


@pytest.mark.parametrize("dtype", [np.uint16, np.int32, np.float32])
def test_deep_images_keep_their_range(tmp_path: Path, dtype):
    ramp = np.tile(np.linspace(0, 1, 256), (20, 1))
    scale = 1 if dtype == np.float32 else 65535
    Image.fromarray((ramp * scale).astype(dtype)).save(tmp_path / "a.tif")
    read = read_image(tmp_path / "a.tif")
    assert abs(read[0, :, 1].astype(int) - np.arange(256)).max() <= 1


def test_a_16_bit_colour_image_keeps_its_range(tmp_path: Path):
    import cv2

    cv2.imwrite(str(tmp_path / "a.png"), np.full((20, 20, 3), (10000, 30000, 60000), np.uint16))
    assert abs(read_image(tmp_path / "a.png")[0, 0] - np.array([233, 117, 39])).max() <= 1


def test_an_embedded_profile_is_applied(tmp_path: Path):
    # the linear light of XYZ's profile makes mid gray brighter; any other content would not change
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("XYZ")).tobytes()
    image = Image.fromarray(_gradient())
    image.save(tmp_path / "a.png", icc_profile=profile)
    plain = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    image.save(tmp_path / "b.png", icc_profile=plain)
    assert abs(read_image(tmp_path / "b.png").astype(int) - _gradient()).max() <= 1
    assert read_image(tmp_path / "a.png").shape == (30, 40, 3)  # one that does not fit is left out


def test_the_first_frame_of_an_animation_is_taken(tmp_path: Path):
    frames = [Image.new("RGB", (20, 20), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    assert read_image(tmp_path / "a.gif")[0, 0].tolist() == [255, 0, 0]
    assert kind(tmp_path / "a.gif") == "video"


def test_a_huge_image_is_read(tmp_path: Path):
    Image.new("L", (8000, 8000), 90).save(tmp_path / "a.jpg")
    read = read_image(tmp_path / "a.jpg")
    assert read.shape == (8000, 8000, 3) and read[4000, 4000].tolist() == [90, 90, 90]


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_a_image_is_reduced_to_a_side(tmp_path: Path, suffix: str):
    Image.new("RGB", (1600, 900), (90, 120, 60)).save(tmp_path / f"a{suffix}")
    read = read_image(tmp_path / f"a{suffix}", max_side=400)
    assert read.shape == (225, 400, 3)
    assert abs(read[100, 200].astype(int) - (90, 120, 60)).max() <= 2


def test_images_that_cannot_be_are_one_sentence(tmp_path: Path):
    write_image(tmp_path / "tiny.png", np.zeros((1, 1, 3), np.uint8))
    Image.new("1", (20000, 20000)).save(tmp_path / "vast.png")
    (tmp_path / "text.jpg").write_text("not an image\n" * 50)
    (tmp_path / "empty.png").touch()
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    for suffix in ("png", "jpg", "webp", "tif", "gif"):
        write_image(tmp_path / f"whole.{suffix}", noise)
        content = (tmp_path / f"whole.{suffix}").read_bytes()
        (tmp_path / f"cut.{suffix}").write_bytes(content[: len(content) // 2])
        (tmp_path / f"whole.{suffix}").unlink()
    (tmp_path / "folder.png").mkdir()
    for path in [*tmp_path.iterdir(), tmp_path / "none.png", Path("a\0b.png")]:
        with pytest.raises(UserError, match="expected an? .*image") as error:
            read_image(path)
        assert "\n" not in str(error.value)


def test_an_unwritable_image_is_one_sentence(tmp_path: Path):
    for path in (tmp_path / "a.nonsense", tmp_path / "none" / "a.png"):
        with pytest.raises(UserError, match="expected to write"):
            write_image(path, _gradient())
    assert list(tmp_path.iterdir()) == []


def test_real_portraits_are_read(shared: Path):
    for path in (shared / "data/portraits").iterdir():
        assert read_image(path).ndim == 3
        assert kind(path) == "image"
    statue = read_image(shared / "data/portraits/statue.png")
    assert statue.shape == (868, 868, 3)
