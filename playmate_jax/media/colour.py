"""Decoded frames to 8-bit RGB of BT.709: matrix, range, depth, HDR, transparency.

What nearly every file holds (8 bits, limited range, BT.709 or BT.601) takes swscale's fast path,
which is off by 2.4 levels at most; everything else is exact to a rounding.
"""

import os
from functools import cache

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, Interpolation
from jaxtyping import UInt8

from playmate_jax.errors import UserError
from playmate_jax.media import hdr

_HD_LINES = 720  # untagged video is BT.709 from here on, BT.601 below: what players assume
# H.273's colour matrices
_UNSPECIFIED, _YCGCO, _BT2020 = 2, 8, 9
_NEAR = {10: _BT2020, 12: Colorspace.ITU709}  # constant luminance, derived from the primaries
_FAST_MATRICES = {0, 1, 5, 6}  # RGB, BT.709, BT.601 twice
_KNOWN_MATRICES = {*_FAST_MATRICES, *_NEAR, _UNSPECIFIED, 4, 7, _YCGCO, _BT2020}
_EXACT = Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT


def check_known(frame: av.VideoFrame, path: str | os.PathLike) -> None:
    """Raises `UserError` for colours that are coded in a rare way (ICtCp and the like)."""
    if not frame.format.is_rgb and int(frame.colorspace) not in _KNOWN_MATRICES:
        raise UserError(
            f"expected YCbCr or RGB colours, found those of H.273's matrix {int(frame.colorspace)} "
            f"in '{path}': convert it to BT.709"
        )


def to_rgb(frame: av.VideoFrame, width: int, brightest: float = 0.0) -> UInt8[np.ndarray, "h w 3"]:
    """The frame as RGB of BT.709, at another width where its pixels are not square; transparency is
    laid on white.

    Args:
      brightest: light of the whole video in cd/m2, of HDR (`hdr.brightest_light`).
    """
    rgb = _opaque(frame, width, brightest)
    if not _has_alpha(frame):
        return rgb
    alpha = _reformatted(frame, width, "rgba", _EXACT)[..., 3:].astype(np.uint16)
    return ((rgb * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)


def brightest_light(frame: av.VideoFrame) -> float:
    """The brightest light of an HDR frame, in cd/m2."""
    rgb = _reformatted(frame, frame.width, "rgb48le", _EXACT)
    return hdr.brightest_light(rgb, _full(frame), frame.color_trc, frame.color_primaries)


def _opaque(frame: av.VideoFrame, width: int, brightest: float) -> UInt8[np.ndarray, "h w 3"]:
    transfer, primaries = int(frame.color_trc), int(frame.color_primaries)
    if hdr.is_hdr(transfer) or hdr.is_wide(primaries):
        rgb = _reformatted(frame, width, "rgb48le", _EXACT)
        return hdr.to_bt709(rgb, _full(frame), transfer, primaries, brightest)
    if _is_gray(frame):
        gray = _eight_bits(*_gray_range(frame))[_reformatted(frame, width, "gray16le", _EXACT)]
        return np.repeat(gray[..., None], 3, axis=2)
    if int(frame.colorspace) == _YCGCO:
        return _from_ycgco(frame, width)
    if 8 < _bits(frame) <= 16:  # noqa: PLR2004
        return _eight_bits(0, _full(frame))[_reformatted(frame, width, "rgb48le", _EXACT)]
    fast = not _is_full(frame) and _matrix(frame) in _FAST_MATRICES and not _has_alpha(frame)
    return _reformatted(frame, width, "rgb24", Interpolation.BICUBIC if fast else _EXACT)


def _reformatted(
    frame: av.VideoFrame, width: int, form: str, interpolation: Interpolation
) -> np.ndarray:
    return frame.reformat(
        width=width,
        format=form,
        src_colorspace=_matrix(frame),
        dst_color_range=ColorRange.JPEG,
        interpolation=interpolation,
        threads=1,
    ).to_ndarray()


def _matrix(frame: av.VideoFrame) -> int:
    """The frame's colour matrix; where the file has no tag, the one that players assume."""
    matrix = int(frame.colorspace)
    if frame.format.is_rgb:
        return 0
    if matrix != _UNSPECIFIED:
        return _NEAR.get(matrix, matrix)
    if hdr.is_hdr(frame.color_trc):
        return _BT2020
    return Colorspace.ITU709 if frame.height >= _HD_LINES else Colorspace.ITU601


def _bits(frame: av.VideoFrame) -> int:
    return max(component.bits for component in frame.format.components)


def _has_alpha(frame: av.VideoFrame) -> bool:
    form = frame.format
    return form.has_palette or any(component.is_alpha for component in form.components)


def _is_gray(frame: av.VideoFrame) -> bool:
    return frame.format.name.startswith("gray") and _bits(frame) <= 16  # noqa: PLR2004


def _is_full(frame: av.VideoFrame) -> bool:
    return int(frame.color_range) == ColorRange.JPEG or frame.format.name.startswith("yuvj")


def _full(frame: av.VideoFrame) -> int:
    """swscale's 16-bit RGB for white."""
    if frame.format.is_rgb:
        return 65535
    bits = _bits(frame)
    return ((1 << bits) - 1) << (16 - bits) if _is_full(frame) else 255 << 8


def _gray_range(frame: av.VideoFrame) -> tuple[int, int]:
    """swscale's 16-bit gray for black and white; it takes all gray for full range."""
    if int(frame.color_range) != ColorRange.MPEG:
        return 0, 65535
    bits = _bits(frame)
    unit = 65535 / ((1 << bits) - 1) * (1 << (bits - 8))
    return round(16 * unit), round(235 * unit)


def _from_ycgco(frame: av.VideoFrame, width: int) -> UInt8[np.ndarray, "h w 3"]:
    """H.273's equations 44 to 47: swscale does not know them."""
    planes = frame.reformat(
        width=width, format="yuv444p16le", src_colorspace=1, dst_colorspace=1,
        interpolation=_EXACT, threads=1,
    ).to_ndarray().astype(np.float32) / 256  # fmt: skip
    low, luma, chroma = (0, 255, 255) if _is_full(frame) else (16, 219, 224)
    y, cg, co = np.moveaxis(planes, -1, 0)
    y, cg, co = (y - low) / luma, (cg - 128) / chroma, (co - 128) / chroma
    rgb = np.stack([y - cg + co, y + cg, y - cg - co], axis=-1)
    return np.clip(rgb * 255 + 0.5, 0, 255).astype(np.uint8)


@cache
def _eight_bits(black: int, white: int) -> UInt8[np.ndarray, "65536"]:
    """8-bit levels of every 16-bit one."""
    levels = (np.arange(65536) - black) / (white - black)
    return np.clip(levels * 255 + 0.5, 0, 255).astype(np.uint8)
