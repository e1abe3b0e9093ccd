"""Images in and out: any common file -> uint8 RGB (h, w, 3), upright, opaque, in sRGB."""

import functools
import io
import os
import warnings
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from playmate_jax.errors import UserError
from playmate_jax.media.container import check_readable
from playmate_jax.paths import unfinished

SMALLEST_SIDE = 16
LARGEST_PIXELS = 160_000_000  # about 500 MB as RGB; 8000 x 8000 is 64 million

WHITE = (255, 255, 255)
# brands of the file type box
_HEIF = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}
_AVIF = {b"avif", b"avis"}


def read_image(
    path: str | os.PathLike,
    background: tuple[int, int, int] = WHITE,
    max_side: int | None = None,
) -> UInt8[np.ndarray, "h w 3"]:
    """Reads an image upright (EXIF), with transparency laid over `background`.

    Grayscale, palette, CMYK, 16-bit and float images become 8-bit RGB; an embedded colour profile
    is applied; of an animation the first frame is taken. An image whose longer side exceeds
    `max_side` is reduced to it, JPEGs already while decoding.
    """
    path = check_readable(path, "an image")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with open_image(path) as image:
                check_image_size(image.size, path)
                if max_side:
                    image.draft("RGB" if image.mode == "YCbCr" else image.mode, (max_side,) * 2)
                whole = _by_opencv(path) if _is_plain_ycbcr(image) else image
                whole.load()
                ImageOps.exif_transpose(whole, in_place=True)
                rgb = _to_rgb(whole, background)
    except UserError:
        raise
    except UnidentifiedImageError:
        raise UserError(
            f"expected an image, found '{path}', which cannot be read as one: "
            "give a JPEG, PNG, WebP, AVIF, HEIC, TIFF, BMP or GIF"
        ) from None
    except Image.DecompressionBombError:
        raise UserError(f"expected an image of usual size, found '{path}': reduce it") from None
    except Exception as error:  # Pillow's decoders raise many kinds of errors on damaged files
        raise UserError(
            f"expected a whole image, but '{path}' is damaged ({error}): give an intact copy"
        ) from None
    if max_side and max(rgb.size) > max_side:
        scale = max_side / max(rgb.size)
        size = (max(1, round(rgb.width * scale)), max(1, round(rgb.height * scale)))
        rgb = rgb.resize(size, Image.Resampling.LANCZOS)
    return np.array(rgb)


def open_image(path: Path) -> Image.Image:
    """Opens an image file with Pillow, undecoded.

    Raises:
      UnidentifiedImageError: it is no image.
      UserError: it is HEIC, and the package that decodes it is not installed.
    """
    if _is_heif(path) and not _heif_is_known():
        raise UserError(
            f"expected the package pillow-heif for the HEIC image '{path}', found it is not "
            "installed: pip install pillow-heif, or save the image as JPEG"
        )
    return Image.open(path)


def upright_rgb(image: Image.Image, background: tuple[int, int, int] = WHITE) -> Image.Image:
    """The image as its camera was held (EXIF), 8-bit opaque sRGB."""
    ImageOps.exif_transpose(image, in_place=True)
    return _to_rgb(image, background)


def _is_heif(path: Path) -> bool:
    """Whether a file is HEIF with HEVC inside (AVIF is not: Pillow reads it itself)."""
    with open(path, "rb") as file:
        head = file.read(64)
    if head[4:8] != b"ftyp":
        return False
    length = min(len(head), int.from_bytes(head[:4], "big"))
    brands = {head[8:12], *(head[at : at + 4] for at in range(16, length - 3, 4))}
    return bool(brands & _HEIF) and not brands & _AVIF


@functools.cache
def _heif_is_known() -> bool:
    try:
        import pillow_heif
    except ImportError:
        return False
    pillow_heif.register_heif_opener()
    return True


def _is_plain_ycbcr(image: Image.Image) -> bool:
    """A TIFF of uncompressed luma and chroma: Pillow before 13 takes it for RGB and fails."""
    tags = getattr(image, "tag_v2", {})
    return image.format == "TIFF" and (tags.get(259, 1), tags.get(262)) == (1, 6)


def _by_opencv(path: Path) -> Image.Image:
    pixels = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR_RGB)
    if pixels is None:
        raise OSError("no whole TIFF")
    return Image.fromarray(pixels)


def check_image_size(size: tuple[int, int], path: Path) -> None:
    """Raises `UserError` for an image that is too small or too large to be worked with."""
    width, height = size
    if min(size) < SMALLEST_SIDE:
        raise UserError(
            f"expected an image of at least {SMALLEST_SIDE}x{SMALLEST_SIDE} pixels, "
            f"found {width}x{height} in '{path}': give a larger one"
        )
    if width * height > LARGEST_PIXELS:
        raise UserError(
            f"expected an image of at most {LARGEST_PIXELS // 10**6} million pixels, "
            f"found {width}x{height} in '{path}': reduce it"
        )


def _to_rgb(image: Image.Image, background: tuple[int, int, int]) -> Image.Image:
    """Converts an image of any mode to 8-bit opaque sRGB, on `background` where transparent."""
    profile = image.info.get("icc_profile")
    if image.mode == "F" or image.mode.startswith("I"):
        return _deep_to_rgb(image)
    transparent = image.mode in ("LA", "PA", "La", "RGBA", "RGBa") or "transparency" in image.info
    if transparent:
        image = image.convert("RGBA")
        flat = Image.new("RGB", image.size, background)
        flat.paste(image.convert("RGB"), mask=image.getchannel("A"))
        return _to_srgb(flat, profile)
    if image.mode not in ("RGB", "CMYK", "L"):
        image = image.convert("RGB")
    image = _to_srgb(image, profile)
    return image if image.mode == "RGB" else image.convert("RGB")


def _deep_to_rgb(image: Image.Image) -> Image.Image:
    """16-bit, 32-bit and float single-channel images, by their value range."""
    values = np.asarray(image)
    if not np.isfinite(values).all():
        raise ValueError("it holds values that are no numbers")
    if values.dtype.kind == "f":
        gray = values * (255.0 if values.max() <= 1 else 1.0)
    elif image.mode.startswith("I;16") or values.max() > 255:
        gray = values / 257.0  # 65535 / 255
    else:
        gray = values
    eight = np.clip(np.rint(gray), 0, 255).astype(np.uint8)
    return Image.fromarray(eight).convert("RGB")


def _to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Applies an embedded colour profile; one that does not fit the image is left out."""
    if not profile:
        return image
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        converted = ImageCms.profileToProfile(
            image, source, ImageCms.createProfile("sRGB"), outputMode="RGB"
        )
    except (ImageCms.PyCMSError, OSError, ValueError):
        return image
    return image if converted is None else converted


def write_image(path: str | os.PathLike, image: UInt8[np.ndarray, "h w 3"]) -> None:
    """Writes an image in the format of its suffix, whole or not at all."""
    path = Path(path)
    partial = unfinished(path)
    try:
        Image.fromarray(image).save(partial)
        os.replace(partial, path)
    except (OSError, ValueError, KeyError) as error:
        raise UserError(
            f"expected to write the image '{path}', but found that it cannot be ({error}): "
            "choose another folder or a suffix such as .png"
        ) from None
    finally:
        partial.unlink(missing_ok=True)
