"""Colours by hand: SDR of every range, depth and matrix exactly; HDR and wide colour as BT.709."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from playmate_jax.errors import UserError
from playmate_jax.media import colour, hdr, open_video

LIMITED, FULL = 1, 2
# H.273's matrices: the weights of red and blue in luma
WEIGHTS = {1: (0.2126, 0.0722), 5: (0.299, 0.114), 6: (0.299, 0.114), 7: (0.212, 0.087),
           9: (0.2627, 0.0593)}  # fmt: skip


def _frame(form: str, planes: list[np.ndarray], colours: tuple[int, int, int, int]):
    """A decoded frame of these planes. colours: matrix, range, transfer, primaries."""
    height, width = planes[0].shape
    frame = av.VideoFrame(width, height, form)
    for plane, values in zip(frame.planes, planes, strict=True):
        data = np.ascontiguousarray(values).view(np.uint8)
        rows = np.zeros((plane.height, plane.line_size), np.uint8)
        rows[:, : data.shape[1]] = data
        plane.update(rows.tobytes())
    frame.colorspace, frame.color_range, frame.color_trc, frame.color_primaries = colours
    return frame


def _signal(rgb: np.ndarray, matrix: int, bits: int, color_range: int) -> list[np.ndarray]:
    """Y, Cb, Cr of R'G'B' in [0, 1] by H.273's definitions, unrounded."""
    red, blue = WEIGHTS[matrix]
    y = rgb @ [red, 1 - red - blue, blue]
    cb, cr = (rgb[..., 2] - y) / (2 - 2 * blue), (rgb[..., 0] - y) / (2 - 2 * red)
    unit = 1 << (bits - 8)
    if color_range == LIMITED:
        return [16 * unit + 219 * unit * y, *(128 * unit + 224 * unit * c for c in (cb, cr))]
    most = (1 << bits) - 1
    return [most * y, *((1 << (bits - 1)) + most * c for c in (cb, cr))]


def _read_back(planes: list[np.ndarray], matrix: int, bits: int, color_range: int) -> np.ndarray:
    """8-bit R'G'B' of integer Y, Cb, Cr by the inverse of the same definitions."""
    red, blue = WEIGHTS[matrix]
    unit, most = 1 << (bits - 8), (1 << bits) - 1
    low, luma, chroma = (16 * unit, 219 * unit, 224 * unit) if color_range == LIMITED else (
        0, most, most)  # fmt: skip
    y = (planes[0] - low) / luma
    cb, cr = ((p - (1 << (bits - 1))) / chroma for p in planes[1:])
    r, b = y + (2 - 2 * red) * cr, y + (2 - 2 * blue) * cb
    g = (y - red * r - blue * b) / (1 - red - blue)
    return np.clip(np.stack([r, g, b], -1), 0, 1) * 255


PATCHES = np.array(
    [[0, 0, 0], [1, 1, 1], [1, 0, 0], [0, 1, 0], [0, 0, 1], [0.8, 0.6, 0.5], [0.2, 0.3, 0.6],
     [0.5, 0.5, 0.5]]
)  # fmt: skip


@pytest.mark.parametrize("matrix", WEIGHTS)
@pytest.mark.parametrize("color_range", [LIMITED, FULL])
@pytest.mark.parametrize(
    ("form", "bits"),
    [("yuv444p", 8), ("yuv420p", 8), ("yuv420p10le", 10), ("yuv422p10le", 10), ("yuv444p12le", 12)],
)
def test_sdr_is_exact(form: str, bits: int, color_range: int, matrix: int):
    rgb = np.repeat(np.repeat(PATCHES[None], 32, axis=0), 32, axis=1)  # columns of 32 pixels
    most = (1 << bits) - 1
    planes = [np.clip(np.rint(p), 0, most) for p in _signal(rgb, matrix, bits, color_range)]
    expected = _read_back(planes, matrix, bits, color_range)
    thin = {"yuv420p": (2, 2), "yuv420p10le": (2, 2), "yuv422p10le": (1, 2)}.get(form, (1, 1))
    planes[1:] = [p[:: thin[0], :: thin[1]] for p in planes[1:]]
    depth = np.uint8 if bits == 8 else np.uint16
    frame = _frame(form, [p.astype(depth) for p in planes], (matrix, color_range, 1, 1))
    shown = colour.to_rgb(frame, 256)[16, 16::32].astype(float)
    # swscale's fast path, which ordinary files take, rounds twice and by 16-bit tables
    ordinary = form == "yuv420p" and color_range == LIMITED and matrix in (1, 5, 6)
    assert abs(shown - expected[16, 16::32]).max() <= (2.5 if ordinary else 0.8)


@pytest.mark.parametrize(("form", "bits"), [("gray", 8), ("gray10le", 10), ("gray16le", 16)])
@pytest.mark.parametrize("color_range", [LIMITED, FULL])
def test_gray_has_the_range_it_says(form: str, bits: int, color_range: int):
    unit = 1 << (bits - 8)
    low, high = (16 * unit, 235 * unit) if color_range == LIMITED else (0, (1 << bits) - 1)
    values = np.repeat(np.linspace(low, high, 5)[None].round(), 4, axis=0)
    depth = np.uint8 if bits == 8 else np.uint16
    shown = colour.to_rgb(_frame(form, [values.astype(depth)], (2, color_range, 1, 1)), 5)
    expected = (values - low) / (high - low) * 255
    assert abs(shown - expected[..., None]).max() <= 0.51


def test_rgb_inside_is_left_alone():
    values = np.arange(64, dtype=np.uint8).reshape(8, 8)
    frame = _frame("gbrp", [values, values + 60, values + 120], (0, FULL, 1, 1))
    expected = np.stack([values + 120, values, values + 60], -1)
    assert (colour.to_rgb(frame, 8) == expected).all()


def test_ycgco_is_exact():
    """H.273: Y = G/2 + (R + B)/4, Cg = G/2 - (R + B)/4, Co = (R - B)/2."""
    rgb = np.repeat(PATCHES[None], 8, axis=0)
    r, g, b = np.moveaxis(rgb, -1, 0)
    planes = [255 * (g / 2 + (r + b) / 4), 128 + 255 * (g / 2 - (r + b) / 4),
              128 + 255 * (r - b) / 2]  # fmt: skip
    clipped = [np.clip(np.rint(p), 0, 255).astype(np.uint8) for p in planes]
    shown = colour.to_rgb(_frame("yuv444p", clipped, (8, FULL, 1, 1)), 8)
    assert abs(shown - rgb * 255).max() <= 2  # three roundings of the signal


def test_unknown_matrices_are_one_sentence():
    planes = [np.full((8, 8), 100, np.uint8)] * 3
    with pytest.raises(UserError, match="matrix 14 in 'a.mp4'"):
        colour.check_known(_frame("yuv444p", planes, (14, FULL, 1, 1)), "a.mp4")


# ---- light -------------------------------------------------------------------------------------


def test_pq_and_hlg_are_those_of_the_standards():
    """BT.2100's and BT.2408's own figures."""
    assert hdr.pq_light(np.array([0.0, 1.0])) == pytest.approx([0, 10_000])
    assert hdr.pq_light(np.array([0.508])) == pytest.approx([100], rel=0.01)  # BT.2408, table 1
    assert hdr.pq_light(np.array([0.58])) == pytest.approx([203], rel=0.01)
    assert hdr.hlg_light(np.array([0.0, 0.5, 1.0])) == pytest.approx([0, 1 / 12, 1], rel=1e-4)
    # 75 % of HLG is 203 cd/m2 on a display of 1000
    assert 1000 * hdr.hlg_light(np.array([0.75])) ** 1.2 == pytest.approx([203], rel=0.01)


def test_bt2020_becomes_bt709_by_bt2087s_matrix():
    expected = [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]]
    assert hdr.to_bt709_primaries(9) == pytest.approx(np.array(expected), abs=2e-4)
    assert hdr.to_bt709_primaries(12).sum(axis=1) == pytest.approx(np.ones(3))


def test_the_tone_curve_keeps_the_dark_rises_and_ends_at_white():
    light = np.linspace(0, 10, 2001)
    for brightest in (1.0, 1.5, 4.93, 49.3):
        shown = hdr.tone_curve(light, brightest)
        assert (shown[light <= 0.75] == light[light <= 0.75]).all()
        assert (np.diff(shown) > 0).all()
        assert hdr.tone_curve(np.array([brightest]), brightest) == pytest.approx([1])
    assert hdr.tone_curve(light, 1.0) == pytest.approx(light)  # nothing to be bent


@pytest.mark.parametrize("transfer", [hdr.PQ, hdr.HLG])
def test_grays_up_to_the_knee_keep_their_light(transfer: int):
    """A gray of x cd/m2 is shown with x / 203 of white, by BT.1886."""
    nits = np.array([0.0, 1, 10, 26, 60, 100, 150])
    signal = np.linspace(0, 1, 200_001)
    light = hdr.pq_light(signal) if transfer == hdr.PQ else 1000 * hdr.hlg_light(signal) ** 1.2
    codes = np.interp(nits, light, signal) * 65280
    rgb = np.repeat(np.rint(codes)[None, :, None], 3, axis=2).astype(np.uint16)
    shown = hdr.to_bt709(rgb, 65280, transfer, 9, brightest=1000.0)
    assert abs(shown[0, :, 1] - 255 * (nits / 203) ** (1 / 2.4)).max() <= 0.6
    assert abs(shown.astype(int) - shown[..., :1]).max() <= 1  # and stays gray


def test_colours_inside_bt709_survive_hdr():
    """BT.709 light carried in PQ and BT.2020 comes back: three transfers and two matrices."""
    rgb = np.array([[[200, 150, 120], [90, 40, 30], [30, 80, 160], [16, 16, 16]]])
    light = (rgb / 255) ** 2.4 * 203
    wide = light @ np.linalg.inv(hdr.to_bt709_primaries(9)).T
    signal = np.linspace(0, 1, 400_001)
    codes = np.interp(wide, hdr.pq_light(signal), signal) * 65280
    shown = hdr.to_bt709(np.rint(codes).astype(np.uint16), 65280, hdr.PQ, 9, 1000.0)
    assert abs(shown.astype(int) - rgb).max() <= 1


def test_highlights_keep_their_hue_and_none_is_beyond_white():
    signal = np.full((1, 1, 3), 60000, np.uint16) * np.array([1, 0.9, 0.8])
    shown = hdr.to_bt709(signal.astype(np.uint16), 65280, hdr.PQ, 9, 4000.0)[0, 0].astype(int)
    assert 240 <= shown.max() <= 255 and shown[0] > shown[1] > shown[2]


def test_a_dark_video_is_shown_by_its_own_brightest_light():
    """SDR put into HDR at 100 cd/m2 comes back as it was; at 203 cd/m2 too; between them too."""
    signal = np.linspace(0, 1, 200_001)
    for white in (100.0, 150.0, 203.0):
        levels = np.array([20, 100, 180, 255])
        codes = np.interp((levels / 255) ** 2.4 * white, hdr.pq_light(signal), signal) * 65280
        rgb = np.repeat(np.rint(codes)[None, :, None], 3, axis=2).astype(np.uint16)
        shown = hdr.to_bt709(rgb, 65280, hdr.PQ, 9, brightest=white)
        assert abs(shown[0, :, 0] - levels).max() <= 1


def test_wide_sdr_keeps_its_colours():
    """BT.2020's own red lies outside of BT.709; a skin colour inside is found again."""
    rgb = np.array([[[200, 150, 120], [255, 255, 255]]])
    light = (rgb / 255) ** 2.4
    wide = np.clip(light @ np.linalg.inv(hdr.to_bt709_primaries(9)).T, 0, 1)
    codes = np.rint(wide ** (1 / 2.4) * 65280).astype(np.uint16)
    assert abs(hdr.to_bt709(codes, 65280, 1, 9).astype(int) - rgb).max() <= 1


# ---- files -------------------------------------------------------------------------------------


@pytest.mark.parametrize("transfer", [hdr.PQ, hdr.HLG])
@pytest.mark.parametrize("codec", ["libx265", "ffv1"])
def test_an_hdr_file_looks_like_its_sdr_source(tmp_path: Path, transfer: int, codec: str):
    """A gray ramp and colour patches at 203 cd/m2, through 10-bit 4:2:0 and back."""
    rgb = np.zeros((128, 128, 3))
    rgb[:64] = np.linspace(0, 0.85, 128)[None, :, None]
    rgb[64:, :64], rgb[64:, 64:] = (0.8, 0.6, 0.5), (0.2, 0.35, 0.6)
    rgb[-4:] = 1
    light = rgb**2.4 * 203 @ np.linalg.inv(hdr.to_bt709_primaries(9)).T
    signal = np.linspace(0, 1, 100_001)
    if transfer == hdr.PQ:
        codes = np.interp(light, hdr.pq_light(signal), signal)
    else:  # the inverse of the OOTF: scene light is display light times its luminance^(-1/6)
        luminance = (light / 1000 @ [0.2627, 0.678, 0.0593])[..., None]
        scene = light / 1000 * np.maximum(luminance, 1e-6) ** (1 / 1.2 - 1)
        codes = np.interp(scene, hdr.hlg_light(signal), signal)
    planes = [np.rint(p).astype(np.uint16) for p in _signal(codes, 9, 10, LIMITED)]
    planes[1:] = [p[::2, ::2] for p in planes[1:]]
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as out:
        stream = out.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = 128, 128, "yuv420p10le"
        if codec == "libx265":
            stream.options = {"x265-params": "log-level=error:crf=5:pools=1"}
        context = stream.codec_context
        context.colorspace, context.color_range = 9, LIMITED
        context.color_trc, context.color_primaries = transfer, 9
        for t in range(3):
            frame = _frame("yuv420p10le", planes, (9, LIMITED, transfer, 9))
            frame.pts, frame.time_base = t, Fraction(1, 25)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    for image in open_video(path).frames_at():
        apart = abs(image - 255 * rgb)
        # away from edges, where chroma is mixed; 10 bits of HLG are coarser than 8 of BT.709
        areas = (np.s_[4:60, 4:124], np.s_[70:118, 4:58], np.s_[70:118, 70:124])
        assert max(apart[area].mean() for area in areas) < 1.2
