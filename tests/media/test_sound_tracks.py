"""Which track is heard, and that channels in anti-phase are heard at all."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from playmate_jax.media import audio_blocks, downmix, has_sound, is_silent, read_audio, read_sound

HZ = 16000


def _tone(hz: float, seconds: float = 1.0, level: float = 0.3) -> np.ndarray:
    return (level * np.sin(2 * np.pi * hz * np.arange(int(HZ * seconds)) / HZ)).astype(np.float32)


def _write(path: Path, tracks: list[tuple[np.ndarray, bool]], video: bool = False) -> Path:
    """Tracks (samples (c, s), whether it is the default one)."""
    with av.open(str(path), "w") as out:
        streams = []
        if video:
            images = out.add_stream("libx264", rate=25)
            images.width, images.height, images.pix_fmt = 64, 48, "yuv420p"
        for samples, default in tracks:
            layout = "mono" if len(samples) == 1 else "stereo"
            stream = out.add_stream("flac" if path.suffix == ".mkv" else "aac", HZ, layout=layout)
            stream.disposition = av.stream.Disposition.default if default else 0
            streams.append((stream, samples, layout))
        if video:
            for t in range(25):
                frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), t, np.uint8), "rgb24")
                frame.pts, frame.time_base = t, Fraction(1, 25)
                out.mux(images.encode(frame))
            out.mux(images.encode(None))
        for stream, samples, layout in streams:
            for start in range(0, samples.shape[1], 1024):
                part = np.ascontiguousarray(samples[:, start : start + 1024])
                form = "s16" if path.suffix == ".mkv" else "fltp"
                if form == "s16":
                    part = np.rint(part * 32767).astype(np.int16).T.reshape(1, -1)
                frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(part), form, layout)
                frame.sample_rate, frame.pts = HZ, start
                out.mux(stream.encode(frame))
            out.mux(stream.encode(None))
    return path


def _pitch(samples: np.ndarray) -> int:
    return round(int(np.abs(np.fft.rfft(samples[:HZ])).argmax()) * HZ / len(samples[:HZ]))


@pytest.mark.parametrize("suffix", ["mkv", "mp4"])
@pytest.mark.parametrize("default", [0, 1, 2])
@pytest.mark.parametrize("video", [False, True])
def test_the_default_track_is_heard(tmp_path: Path, suffix: str, default: int, video: bool):
    pitches = (300, 500, 700)
    tracks = [(_tone(hz)[None], n == default) for n, hz in enumerate(pitches)]
    path = _write(tmp_path / f"a.{suffix}", tracks, video)
    assert abs(_pitch(read_audio(path)) - pitches[default]) <= 1
    assert abs(_pitch(read_sound(path).samples[:, 0]) - pitches[default]) <= 1
    assert has_sound(path)


def test_without_a_default_the_first_track_is_heard(tmp_path: Path):
    tracks = [(_tone(hz)[None], False) for hz in (300, 500)]
    assert abs(_pitch(read_audio(_write(tmp_path / "a.mkv", tracks))) - 300) <= 1


def test_opposite_channels_do_not_cancel(tmp_path: Path):
    tone, remarks = _tone(400), []
    path = _write(tmp_path / "a.mkv", [(np.stack([tone, -0.8 * tone]), True)])
    read = read_audio(path, remarks=remarks)
    assert abs(read - tone).max() < 1e-3  # the louder one
    assert remarks == [downmix.CANCELLED.format(path=path)]


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (_tone(400), _tone(400)),
        (_tone(400), 0 * _tone(400)),  # spoken into one of two microphones
        (_tone(400), _tone(433)),
        (_tone(400), np.roll(_tone(400), 5)),  # two microphones, a hand apart
    ],
)
def test_other_channels_are_averaged(tmp_path: Path, left: np.ndarray, right: np.ndarray):
    remarks: list[str] = []
    path = _write(tmp_path / "a.mkv", [(np.stack([left, right]), True)])
    assert abs(read_audio(path, remarks=remarks) - (left + right) / 2).max() < 1e-3
    assert remarks == []


def test_opposite_channels_behind_a_long_silence_do_not_cancel(tmp_path: Path):
    """What is silent decides nothing."""
    late = np.concatenate([np.zeros(15 * HZ, np.float32), _tone(400, 3)])
    path = _write(tmp_path / "a.mkv", [(np.stack([late, -late]), True)])
    assert abs(np.concatenate(list(audio_blocks(path))) - late).max() < 1e-3


def test_blocks_are_the_whole(tmp_path: Path):
    """The choice of a channel is made once, with however much is read at a time."""
    rng = np.random.default_rng(0)
    sound = rng.normal(0, 0.1, 25 * HZ).astype(np.float32)
    path = _write(tmp_path / "a.mkv", [(np.stack([sound, -sound]), True)])
    assert (np.concatenate(list(audio_blocks(path))) == read_audio(path)).all()
    assert read_audio(path).std() > 0.05


def test_silence_is_known_from_quiet_speech():
    assert is_silent(np.zeros(HZ, np.float32), HZ)
    hiss = np.random.default_rng(0).normal(0, 3e-4, HZ).astype(np.float32)
    assert is_silent(hiss, HZ)
    word = hiss.copy()
    word[8000:8800] += _tone(200, 0.05, 0.01)
    assert not is_silent(word, HZ)
    assert is_silent(np.zeros(10, np.float32), HZ)
