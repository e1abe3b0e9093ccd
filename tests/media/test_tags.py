"""Tags in any encoding do not keep a recording from being read, in any container."""

import struct
from pathlib import Path

import av
import numpy as np
import pytest

from playmate_jax.media import container, kind, open_video, read_audio
from playmate_jax.media.container import open_container

MARK = "CafXXzz"
LATIN1 = b"Caf\xe9\xe8zz"  # as long, and no UTF-8


def _sound(path: Path, codec: str, container_tags: bool = True, hz: int = 16000) -> Path:
    with av.open(str(path), "w") as out:
        stream = out.add_stream(codec, rate=hz, layout="mono")
        if container_tags:
            out.metadata["title"] = MARK
        else:
            stream.metadata["title"] = MARK
        samples = np.sin(np.arange(hz) * 0.05).astype(np.float32)[None] * 0.3
        stream.bit_rate = 64_000
        turn = av.AudioResampler(format=stream.format, layout="mono", rate=hz)
        step = stream.codec_context.frame_size or 4000
        for start in range(0, hz, step):
            frame = av.AudioFrame.from_ndarray(
                np.ascontiguousarray(samples[:, start : start + step]), "fltp", "mono"
            )
            frame.sample_rate, frame.pts = hz, start
            for part in turn.resample(frame):
                out.mux(stream.encode(part))
        out.mux(stream.encode(None))
    return path


def _spoil(path: Path) -> None:
    content = path.read_bytes()
    assert MARK.encode() in content
    content = content.replace(MARK.encode(), LATIN1)
    path.write_bytes(_with_ogg_checksums(content) if content[:4] == b"OggS" else content)


def _with_ogg_checksums(content: bytes) -> bytes:
    """Ogg's pages carry a CRC-32 (polynomial 04C11DB7, not reflected, begins with 0)."""
    pages = [b"OggS" + page for page in content.split(b"OggS")[1:]]
    for i, page in enumerate(pages):
        if LATIN1 in page:
            blank, crc = page[:22] + bytes(4) + page[26:], 0
            for byte in blank:
                crc ^= byte << 24
                for _ in range(8):
                    crc = (crc << 1 ^ (0x04C11DB7 if crc >> 31 else 0)) & 0xFFFFFFFF
            pages[i] = blank[:22] + struct.pack("<I", crc) + blank[26:]
    return b"".join(pages)


@pytest.mark.parametrize(
    ("name", "codec", "in_container"),
    [
        ("a.mp3", "libmp3lame", True),  # ID3v2
        ("a.m4a", "aac", True),  # udta
        ("a.mka", "aac", True),
        ("a.mka", "aac", False),  # of a track
        ("a.ogg", "libopus", True),
        ("a.opus", "libopus", False),
        ("a.flac", "flac", True),
        ("a.aiff", "pcm_s16be", True),
        ("a.avi", "pcm_s16le", True),
    ],
)
def test_tags_that_are_no_utf8_do_not_matter(tmp_path: Path, name, codec, in_container):
    path = _sound(tmp_path / name, codec, in_container, 48000 if codec == "libopus" else 16000)
    _spoil(path)
    assert kind(path) == "audio"
    assert abs(len(read_audio(path)) - 16000) <= 2048  # the codecs' padding
    assert read_audio(path).std() > 0.1


def test_a_wav_with_latin1_names_is_read(tmp_path: Path):
    path = _sound(tmp_path / "a.wav", "pcm_s16le")
    title = "Café é".encode("latin-1")
    info = b"INFO" + b"INAM" + struct.pack("<I", len(title)) + title
    body = b"WAVE" + b"LIST" + struct.pack("<I", len(info)) + info + path.read_bytes()[12:]
    path.write_bytes(b"RIFF" + struct.pack("<I", len(body)) + body)
    assert len(read_audio(path)) == 16000


@pytest.mark.parametrize("suffix", ["mkv", "mp4", "mov", "webm", "flv"])
def test_a_video_with_any_tag_is_a_video(tmp_path: Path, suffix: str):
    path = tmp_path / f"a.{suffix}"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libvpx" if suffix == "webm" else "libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        out.metadata["title"] = MARK
        for t in range(5):
            image = np.full((48, 64, 3), 40 * t, np.uint8)
            out.mux(stream.encode(av.VideoFrame.from_ndarray(image, "rgb24")))
        out.mux(stream.encode(None))
    _spoil(path)
    assert kind(path) == "video"
    assert sum(1 for _ in open_video(path)) == 5


def test_pyav_without_the_argument_is_used_as_it_is(tmp_path: Path, monkeypatch):
    """PyAV 19 decodes tags leniently by itself and knows no `metadata_errors`."""
    opened, real = [], av.open

    def newer(file, mode=None, *, options=None):
        opened.append(file)
        return real(file, mode, options=options)

    path = _sound(tmp_path / "a.wav", "pcm_s16le")
    container._tag_options.cache_clear()
    monkeypatch.setattr(av, "open", newer)
    try:
        with open_container(path, "a recording") as found:
            assert found.format.name == "wav"
        assert opened == [f"file:{path}"]
    finally:
        container._tag_options.cache_clear()
