"""Lengths are what decodes; damaged packets cost their own frames; what is cut is reported."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from playmate_jax.errors import UserError
from playmate_jax.media import open_video, read_audio
from playmate_jax.media.decoding import Damage
from tests.media.conftest import level


def _noise(hz: int, seconds: float, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.1, int(hz * seconds)).astype(np.float32)


def _packets(path: Path) -> list[tuple[int, int]]:
    """Where the packets of the first stream lie: (position, bytes)."""
    with av.open(str(path)) as container:
        stream = container.streams[0]
        return [(p.pos, p.size) for p in container.demux(stream) if p.size]


def _overwrite(path: Path, packet: tuple[int, int], byte: int = 0xFF) -> None:
    """A packet's bytes behind the first 16 replaced, as a bad sector does."""
    content = bytearray(path.read_bytes())
    at, size = packet
    content[at + 16 : at + size] = bytes([byte]) * (size - 16)
    path.write_bytes(content)


def _mp3_frames(path: Path) -> bytes:
    """The frames alone: without ID3, and without the first one, which tells how many there are."""
    packets = _packets(path)
    content = path.read_bytes()
    start = content.find(b"Xing")
    start = content.find(b"Info") if start < 0 else start
    first = next(i for i, (at, _) in enumerate(packets) if at > start)
    return content[packets[first][0] :]


@pytest.mark.parametrize("kilobits", [(32, 128), (128, 32)])
def test_an_mp3_without_a_length_is_decoded_to_the_end(tmp_path: Path, kilobits):
    """FFmpeg guesses its length from its size and its first bit rate: 15 s here, or 3.75."""
    content = b""
    for rate in kilobits:
        path = tmp_path / f"{rate}.mp3"
        with av.open(str(path), "w") as out:
            stream = out.add_stream("libmp3lame", rate=44100, layout="mono")
            stream.bit_rate = 1000 * rate
            sound = _noise(44100, 3)
            for start in range(0, len(sound), 1152):
                part = sound[None, start : start + 1152]
                frame = av.AudioFrame.from_ndarray(part, "fltp", "mono")
                frame.sample_rate, frame.pts = 44100, start
                out.mux(stream.encode(frame))
            out.mux(stream.encode(None))
        content += _mp3_frames(path)
    path = tmp_path / "a.mp3"
    path.write_bytes(content)
    with av.open(str(path)) as container:
        guess = container.duration / av.time_base
    assert abs(guess - 6) > 2  # or this test shows nothing
    assert abs(len(read_audio(path)) / 16000 - 6) < 0.15


def test_joined_mp3s_are_heard_to_the_end(tmp_path: Path, write_sound):
    parts = [tmp_path / f"{n}.mp3" for n in range(3)]
    for n, path in enumerate(parts):
        write_sound(path, _noise(44100, n + 1, n), 44100, "libmp3lame")
    joined = tmp_path / "joined.mp3"
    joined.write_bytes(b"".join(path.read_bytes() for path in parts))
    assert abs(len(read_audio(joined)) / 16000 - 6) < 0.2  # each adds its encoder's delay


def test_joined_mp3s_may_differ_in_rate_and_channels(tmp_path: Path, write_sound):
    write_sound(tmp_path / "1.mp3", _noise(22050, 2), 22050, "libmp3lame")
    write_sound(tmp_path / "2.mp3", np.stack([_noise(44100, 3)] * 2), 44100, "libmp3lame")
    joined = tmp_path / "joined.mp3"
    joined.write_bytes((tmp_path / "1.mp3").read_bytes() + (tmp_path / "2.mp3").read_bytes())
    assert abs(len(read_audio(joined)) / 16000 - 5) < 0.3


def test_a_raw_aac_stream_is_decoded_to_the_end(tmp_path: Path, write_sound):
    quiet = np.concatenate([_noise(44100, 1), np.zeros(44100 * 3, np.float32), _noise(44100, 2)])
    path = write_sound(tmp_path / "a.aac", quiet, 44100, "aac")
    assert abs(len(read_audio(path)) / 16000 - 6) < 0.15  # the codec's padding stays


@pytest.mark.parametrize("place", ["middle", "end"])
def test_a_bad_audio_packet_is_left_out_and_reported(tmp_path: Path, write_sound, place: str):
    path = write_sound(tmp_path / "a.m4a", _noise(16000, 4), 16000, "aac")
    packets = _packets(path)
    number = len(packets) // 2 if place == "middle" else len(packets) - 1
    whole, remarks = read_audio(path), []
    _overwrite(path, packets[number])
    read = read_audio(path, remarks=remarks)
    start = 1024 * (number - 2)  # before the packet, which overlaps with the one before it
    assert abs(len(read) - 64000) <= 1024
    assert (read[:start] == whole[:start]).all()
    assert len(remarks) == 1 and "cannot be decoded and" in remarks[0] and str(path) in remarks[0]


def _write_video(path: Path, codec: str = "libx264", count: int = 50, **options: str) -> Path:
    """Noise over a gray of level t: every frame is a packet of its own size."""
    rng = np.random.default_rng(0)
    with av.open(str(path), "w") as out:
        stream = out.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.options = options
        for t in range(count):
            image = np.full((48, 64, 3), 20 + 4 * t, np.uint8)
            image[:8] = rng.integers(0, 255, (8, 64, 3))
            frame = av.VideoFrame.from_ndarray(image, "rgb24")
            frame.pts, frame.time_base = t, Fraction(1, 25)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("place", [25, 49])
@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_a_bad_video_packet_costs_its_frames_and_is_told(tmp_path: Path, place, suffix):
    path = _write_video(tmp_path / f"a.{suffix}", g="1", bf="0")
    content = bytearray(path.read_bytes())
    with av.open(str(path)) as container:
        packet = [bytes(p) for p in container.demux(video=0) if p.size][place]
    at = content.find(packet)
    content[at : at + len(packet)] = bytes(len(packet))
    path.write_bytes(content)
    reader = open_video(path)
    levels = [level(frame.image) for frame in reader]
    assert levels == [t for t in range(50) if t != place]
    assert len(list(reader.frames_at(25))) in (49, 50)  # a lost frame is the one before it, held
    assert reader.remarks == [
        f"a packet of '{path}' at {place / 25:.1f} s cannot be decoded and is left out"
    ]


def test_a_video_of_bad_packets_is_refused(tmp_path: Path):
    path = _write_video(tmp_path / "a.mp4", g="1", bf="0")
    content = bytearray(path.read_bytes())
    with av.open(str(path)) as container:
        packets = [bytes(p) for p in container.demux(video=0) if p.size]
    for packet in packets[10:40]:
        at = content.find(packet)
        content[at : at + len(packet)] = bytes(len(packet))
    path.write_bytes(content)
    with pytest.raises(UserError, match="30 of its 50 packets"):
        list(open_video(path))


def test_an_intact_video_has_no_remarks(tmp_path: Path):
    reader = open_video(_write_video(tmp_path / "a.mp4"))
    assert sum(1 for _ in reader) == 50 and reader.remarks == []


@pytest.mark.parametrize("suffix", ["mkv", "webm", "avi", "flv"])
def test_a_video_that_ends_too_early_is_read_and_reported(tmp_path: Path, suffix: str):
    codec = {"webm": "libvpx", "avi": "mpeg4"}.get(suffix, "libx264")
    path = _write_video(tmp_path / f"a.{suffix}", codec, g="5")
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 7 // 10])
    reader = open_video(path)
    assert 5 < sum(1 for _ in reader) < 45
    assert any("cut short" in remark for remark in reader.remarks)


@pytest.mark.parametrize("suffix", ["mkv", "avi", "flv", "h264", "ts"])
def test_a_video_written_into_a_pipe_is_read_to_the_end(tmp_path: Path, suffix: str):
    """A pipe cannot be gone back in: lengths are never filled in."""
    codec = "mpeg4" if suffix == "avi" else "libx264"

    class Pipe:
        def __init__(self):
            self.content = bytearray()

        def write(self, data: bytes) -> int:
            self.content += data
            return len(data)

    pipe = Pipe()
    form = {"mkv": "matroska", "ts": "mpegts"}.get(suffix, suffix)
    with av.open(pipe, "w", format=form) as out:
        stream = out.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.bit_rate = 4_000_000
        for t in range(50):
            image = np.full((48, 64, 3), 20 + 4 * t, np.uint8)
            frame = av.VideoFrame.from_ndarray(image, "rgb24")
            frame.pts, frame.time_base = t, Fraction(1, 25)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(pipe.content)
    reader = open_video(path)
    assert [level(image) for image in reader.frames_at(25)] == list(range(50))
    assert reader.remarks == []


def test_joined_transport_streams_are_seen_to_the_end(tmp_path: Path):
    """The second one's times begin anew."""
    one = _write_video(tmp_path / "1.ts", count=50).read_bytes()
    (tmp_path / "2.ts").write_bytes(one + one)
    levels = [level(frame.image) for frame in open_video(tmp_path / "2.ts")]
    assert levels == [*range(50), *range(50)]


def test_the_share_of_bad_packets_decides(tmp_path: Path):
    damage = Damage()
    damage.packets = 100
    for _ in range(10):
        damage.add(Fraction(1))
    damage.check("a.mp4", "video")
    damage.add(Fraction(1))
    with pytest.raises(UserError, match="11 of its 100 packets"):
        damage.check("a.mp4", "video")
