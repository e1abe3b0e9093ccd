"""Transparent videos lie on white; interlaced ones become progressive, each field where it was."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from playmate_jax.media import open_video

RED, GREEN = (200, 40, 30), (30, 200, 60)


def _transparent(path: Path, codec: str, form: str, tags: dict[str, str] | None = None) -> Path:
    """Left: opaque red; middle: half transparent red; right: green below nothing."""
    pixels = np.zeros((48, 96, 4), np.uint8)
    pixels[..., :3] = RED
    pixels[:, :32, 3], pixels[:, 32:64, 3] = 255, 128
    pixels[:, 64:, :3] = GREEN
    with av.open(str(path), "w") as out:
        stream = out.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = 96, 48, form
        stream.metadata.update(tags or {})
        if codec.startswith("libvpx"):
            stream.options = {"auto-alt-ref": "0", "crf": "4", "b": "4M", "cpu-used": "8"}
        for t in range(4):
            frame = av.VideoFrame.from_ndarray(pixels, "rgba")
            frame.pts, frame.time_base = t, Fraction(1, 25)
            out.mux(stream.encode(frame.reformat(format=form)))
        out.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(
    ("name", "codec", "form"),
    [
        ("a.webm", "libvpx-vp9", "yuva420p"),
        ("a.webm", "libvpx", "yuva420p"),
        ("a.mov", "prores_ks", "yuva444p10le"),
        ("a.mov", "png", "rgba"),
        ("a.mov", "qtrle", "argb"),
        ("a.avi", "utvideo", "gbrap"),
        ("a.mkv", "ffv1", "yuva420p"),
    ],
)
def test_transparency_is_laid_on_white(tmp_path: Path, name: str, codec: str, form: str):
    tags = {"alpha_mode": "1"} if codec.startswith("libvpx") else {}
    frames = list(open_video(_transparent(tmp_path / name, codec, form, tags)))
    assert len(frames) == 4
    half = np.array(RED) * 128 / 255 + 255 * 127 / 255
    for frame in frames:
        left, middle, right = (frame.image[20:28, x].mean(0) for x in (16, 48, 80))
        assert abs(left - RED).max() <= 4 and abs(middle - half).max() <= 6  # lossy codecs
        assert right.min() >= 252


def test_an_opaque_video_of_a_transparent_kind_is_itself(tmp_path: Path):
    path = _transparent(tmp_path / "a.mkv", "ffv1", "yuv420p")
    image = next(iter(open_video(path))).image
    assert abs(image[24, 80].astype(int) - GREEN).max() <= 4


# ---- interlaced --------------------------------------------------------------------------------


def _scene(moment: float, height: int = 96, width: int = 128) -> np.ndarray:
    """A bright bar that moves 4 pixels a field over a still, soft ramp."""
    x, y = np.arange(width)[None], np.arange(height)[:, None]
    ramp = 40 + 60 * y / height + 0 * x
    at = 10 + 4 * moment
    return np.where((x >= at) & (x < at + 24), 200.0, ramp)


def _interlaced(path: Path, top_first: bool, codec: str = "mpeg2video", count: int = 10) -> Path:
    with av.open(str(path), "w") as out:
        stream = out.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p"
        stream.options = {"flags": "+ildct+ilme"}
        stream.bit_rate = 8_000_000
        graph = av.filter.Graph()  # marks the frames: encoders ask them, not their options
        source = graph.add("buffer", video_size="128x96", pix_fmt="yuv420p", time_base="1/25")
        marked = graph.add("buffersink")
        fields = graph.add("setfield", "tff" if top_first else "bff")
        graph.link_nodes(source, fields, marked).configure()
        for t in range(count):
            image = np.zeros((96, 128))
            first, second = _scene(2 * t), _scene(2 * t + 1)
            top, bottom = (first, second) if top_first else (second, first)
            image[0::2], image[1::2] = top[0::2], bottom[1::2]
            gray = np.repeat(np.rint(image).astype(np.uint8)[..., None], 3, axis=2)
            frame = av.VideoFrame.from_ndarray(gray, "rgb24")
            frame.pts, frame.time_base = t, Fraction(1, 25)
            source.push(frame.reformat(format="yuv420p"))
            out.mux(stream.encode(marked.pull()))
        out.mux(stream.encode(None))
    with av.open(str(path)) as container:
        assert next(container.decode(video=0)).interlaced_frame  # or the test shows nothing
    return path


def _combing(image: np.ndarray) -> float:
    """How much every line differs from its two neighbours."""
    gray = image[..., 1].astype(float)
    return float(abs(gray[1:-1] - (gray[:-2] + gray[2:]) / 2).mean())


@pytest.mark.parametrize("top_first", [True, False])
@pytest.mark.parametrize(
    ("name", "codec"), [("a.mkv", "libx264"), ("a.mp4", "libx264"), ("a.ts", "mpeg2video")]
)
def test_interlaced_frames_become_progressive(tmp_path: Path, name, codec, top_first: bool):
    path = _interlaced(tmp_path / name, top_first, codec)
    frames = list(open_video(path))
    assert [frame.time_s for frame in frames] == [Fraction(t, 25) for t in range(10)]
    with av.open(str(path)) as container:
        combed = [_combing(f.to_ndarray(format="rgb24")) for f in container.decode(video=0)]
    clean = [_combing(frame.image) for frame in frames]
    assert np.mean(clean) < 0.35 * np.mean(combed)
    for t, frame in enumerate(frames[1:-1], 1):  # the first field's moment, whichever that is
        apart = [abs(frame.image[..., 1] - _scene(2 * t + shift)).mean() for shift in (-1, 0, 1)]
        assert np.argmin(apart) == 1 and apart[1] < 4


def test_a_dv_tape_has_its_rate_and_shape(tmp_path: Path):
    """PAL's 720 x 576 pixels are wider than high; FFmpeg gives DV's clock as its frame rate."""
    path = tmp_path / "a.dv"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("dvvideo", rate=25)
        stream.width, stream.height, stream.pix_fmt = 720, 576, "yuv420p"
        for t in range(3):
            frame = av.VideoFrame.from_ndarray(np.full((576, 720, 3), 60, np.uint8), "rgb24")
            frame.pts, frame.time_base = t, Fraction(1, 25)
            out.mux(stream.encode(frame.reformat(format="yuv420p")))
        out.mux(stream.encode(None))
    reader = open_video(path)
    assert reader.fps == 25 and reader.size[1] == 576 and reader.size[0] > 720
    assert [frame.time_s for frame in reader] == [0, Fraction(1, 25), Fraction(2, 25)]


def test_progressive_frames_pass_unchanged(tmp_path: Path, write_clip):
    path = write_clip(tmp_path / "a.mp4", count=6)
    with av.open(str(path)) as container:
        plain = [f.to_ndarray(format="rgb24") for f in container.decode(video=0)]
    read = [frame.image for frame in open_video(path)]
    assert len(read) == len(plain) == 6
    assert all(abs(a.astype(int) - b).max() <= 12 for a, b in zip(read, plain, strict=True))


def test_turned_interlaced_frames_are_upright(tmp_path: Path):
    """The filter keeps what the frames say of their rotation."""
    path = tmp_path / "a.mp4"
    _interlaced(path, True, "libx264", 4)
    turned = tmp_path / "b.mp4"
    with av.open(str(path)) as source, av.open(str(turned), "w") as out:
        old = source.streams.video[0]
        new = out.add_stream_from_template(old)
        new.set_display_rotation(90)
        for packet in source.demux(old):
            if packet.size:
                packet.stream = new
                out.mux(packet)
    reader = open_video(turned)
    assert reader.rotation_deg == 90 and reader.size == (96, 128)
    assert {frame.image.shape for frame in reader} == {(128, 96, 3)}
