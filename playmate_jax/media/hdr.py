"""High dynamic range and wide colour to BT.709: pure functions of RGB values.

A frame's R'G'B' -> light in cd/m2 -> BT.709 primaries -> tone curve -> R'G'B' of BT.709 as a
reference display (BT.1886, gamma 2.4) shows it. The light that becomes white is that of diffuse
white in HDR, 203 cd/m2 (BT.2408), or where a video stays darker throughout, its brightest light,
but not less than 100 cd/m2, SDR's white. What is darker than three quarters of white, faces among
it, keeps its light exactly; above, a curve with the same slope ends at the brightest light. It
scales the three colours alike, so that hues stay.

Sources: ITU-R BT.2100-2 (PQ: table 4; HLG: table 5, with its OOTF for 1000 cd/m2), BT.2408-7,
BT.1886, SMPTE RP 177 (matrices from primaries).
"""

from functools import cache

import cv2
import numpy as np
from jaxtyping import Float, Float32, UInt8, UInt16

PQ, HLG = 16, 18  # H.273's transfer characteristics
# H.273's colour primaries, as (x, y) of red, green, blue; all of them with the white of D65
_BT709 = ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06))
_BT2020 = 9
_WIDE = {
    _BT2020: ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),
    12: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),  # Display P3
}
_D65 = (0.3127, 0.3290)

DIFFUSE_WHITE, SDR_WHITE = 203.0, 100.0  # cd/m2
_HLG_PEAK = 1000.0
_PQ_PEAK = 10_000.0
_DISPLAY_GAMMA = 2.4
_KNEE = 0.75  # of white
_ROWS = 64  # that are worked on at a time: they fit a processor's cache


def is_hdr(transfer: int) -> bool:
    """Whether an H.273 transfer characteristic is PQ's or HLG's."""
    return transfer in (PQ, HLG)


def is_wide(primaries: int) -> bool:
    """Whether H.273 colour primaries reach beyond BT.709's; unknown ones are taken for BT.709's."""
    return primaries in _WIDE


def to_bt709(
    rgb: UInt16[np.ndarray, "h w 3"],
    full: int,
    transfer: int,
    primaries: int,
    brightest: float = _PQ_PEAK,
) -> UInt8[np.ndarray, "h w 3"]:
    """R'G'B' whose nominal peak is `full` to 8-bit R'G'B' of BT.709.

    Args:
      transfer, primaries: H.273's numbers. PQ and HLG of unknown primaries are BT.2020's.
      brightest: light of the video in cd/m2, as `brightest_light` measures it; of HDR only.
    """
    out = np.empty(rgb.shape, np.uint8)
    white = float(np.clip(brightest, SDR_WHITE, DIFFUSE_WHITE)) if is_hdr(transfer) else 1.0
    for row in range(0, len(rgb), _ROWS):
        rows = slice(row, row + _ROWS)
        planes = _light(rgb[rows], full, transfer, primaries)
        scale = np.float32(1 / white)
        if is_hdr(transfer):
            most = np.maximum(np.maximum(*planes[:2]), planes[2]) * scale
            scale = scale * tone_curve(most, brightest / white) / np.maximum(most, 1e-12)
        shown = [cv2.pow(np.minimum(light * scale, 1), 1 / _DISPLAY_GAMMA) for light in planes]
        out[rows] = cv2.merge([cv2.convertScaleAbs(plane, alpha=255) for plane in shown])
    return out


def brightest_light(
    rgb: UInt16[np.ndarray, "h w 3"], full: int, transfer: int, primaries: int
) -> float:
    """The light of a frame in cd/m2 that one pixel in a thousand exceeds in some colour."""
    step = max(1, min(rgb.shape[:2]) // 360)
    planes = _light(rgb[::step, ::step], full, transfer, primaries)
    return float(np.quantile(np.max(planes, axis=0), 0.999))


def tone_curve(light: Float[np.ndarray, "*n"], brightest: float) -> Float[np.ndarray, "*n"]:
    """Light (1: white) of a scene to that of the display: itself up to the knee k, then
    k + (x - k) / (1 + a (x - k)), which goes on with slope 1 and is 1 at the brightest."""
    bend = 1 / (1 - _KNEE) - 1 / (max(brightest, 1.0) - _KNEE)
    above = np.maximum(light - _KNEE, 0)
    return np.minimum(light, _KNEE) + above / (1 + bend * above)


def pq_light(signal: Float[np.ndarray, "*n"]) -> Float[np.ndarray, "*n"]:
    """cd/m2 of PQ's signal in [0, 1]."""
    m1, m2 = 2610 / 16384, 2523 / 4096 * 128
    c1, c2, c3 = 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32
    root = np.asarray(signal) ** (1 / m2)
    return _PQ_PEAK * (np.maximum(root - c1, 0) / (c2 - c3 * root)) ** (1 / m1)


def hlg_light(signal: Float[np.ndarray, "*n"]) -> Float[np.ndarray, "*n"]:
    """Scene light in [0, 1] of HLG's signal in [0, 1]."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    signal = np.asarray(signal)
    return np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - c) / a) + b) / 12)


def to_bt709_primaries(primaries: int) -> Float[np.ndarray, "3 3"]:
    """The matrix from linear RGB of the primaries to linear RGB of BT.709; white stays white."""
    return np.linalg.solve(_to_xyz(_BT709), _to_xyz(_WIDE[primaries]))


def _light(
    rgb: UInt16[np.ndarray, "h w 3"], full: int, transfer: int, primaries: int
) -> list[Float32[np.ndarray, "h w"]]:
    """Light of BT.709's red, green and blue: cd/m2 of HDR, else relative to white; none below 0."""
    table = _linear(transfer, full)
    planes = [np.take(table, rgb[..., channel]) for channel in range(3)]
    if transfer == HLG:  # scene light to the light of a display (BT.2100's OOTF)
        luminance = _mixed(_to_xyz(_WIDE[_BT2020])[1], planes)
        gain = cv2.pow(luminance, 0.2) * np.float32(_HLG_PEAK)
        planes = [plane * gain for plane in planes]
    wide = primaries if primaries in _WIDE else _BT2020 if is_hdr(transfer) else None
    if wide is not None:
        planes = [_mixed(row, planes) for row in to_bt709_primaries(wide)]
    return [np.maximum(plane, 0, out=plane) for plane in planes]


def _mixed(
    weights: Float[np.ndarray, "3"], planes: list[Float32[np.ndarray, "h w"]]
) -> Float32[np.ndarray, "h w"]:
    red, green, blue = weights.astype(np.float32)
    return red * planes[0] + green * planes[1] + blue * planes[2]


def _to_xyz(primaries: tuple[tuple[float, float], ...]) -> Float[np.ndarray, "3 3"]:
    """The matrix from linear RGB to XYZ: its columns are the primaries, their sum is white."""
    columns = np.array([[x / y, 1, (1 - x - y) / y] for x, y in primaries]).T
    x, y = _D65
    return columns * np.linalg.solve(columns, [x / y, 1, (1 - x - y) / y])


@cache
def _linear(transfer: int, full: int) -> Float32[np.ndarray, "65536"]:
    """Light of every 16-bit signal: of HLG scene light, of PQ cd/m2, else relative to white."""
    signal = np.minimum(np.arange(65536) / full, 1)
    if transfer == HLG:
        return hlg_light(signal).astype(np.float32)
    if transfer == PQ:
        return pq_light(signal).astype(np.float32)
    return (signal**_DISPLAY_GAMMA).astype(np.float32)
