"""Sound and images of a clip belong together to within half a frame, however they were filed."""

from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from playmate_jax.data.records import Clip
from playmate_jax.media import write_wav
from playmate_jax.prepare.plan import Source
from tests.prepare.conftest import video_frame

HALF_FRAME_S = 0.02
FLASHES_S = (Fraction(14, 10), Fraction(3217, 1000))  # neither on a frame of any rate that is tried
LASTS_S = Fraction(4, 25)
LENGTH_S = 4.2
NTSC = Fraction(30000, 1001)


def _flashing(times: list[Fraction], starts: list[Fraction]) -> list[np.ndarray]:
    """The ground lights up while a beep lasts."""
    lit = [any(at <= t < at + LASTS_S for at in starts) for t in times]
    return [video_frame(185 if on else 60) for on in lit]


def _beeping(starts: list[Fraction], hz: int = 16000) -> np.ndarray:
    t = np.arange(round(LENGTH_S * hz)) / hz
    on = np.any([(at <= t) & (t < at + float(LASTS_S)) for at in map(float, starts)], axis=0)
    return (0.5 * np.sin(2 * np.pi * 1000 * t) * on).astype(np.float32)


def _onsets(signal: np.ndarray, threshold: float, pause: float) -> np.ndarray:
    """Where the signal rises over the threshold after at least `pause` below it."""
    above = np.flatnonzero(signal > threshold)
    return above[np.diff(above, prepend=-pause - 1) > pause]


def _light(clip: Clip) -> np.ndarray:
    """Level of a corner of every frame."""
    assert clip.rows.tolist() == list(range(len(clip.motion)))
    frames = [
        cv2.imdecode(np.frombuffer(frame, np.uint8), cv2.IMREAD_GRAYSCALE) for frame in clip.frames
    ]
    return np.array([frame[:10, :10].mean() for frame in frames])


def _times(kind: str) -> list[Fraction]:
    if kind == "variable":
        steps = np.random.default_rng(3).choice([20, 33, 34, 40], 200)
        times = np.concatenate([[0], np.cumsum(steps)])
        return [Fraction(int(t), 1000) for t in times if t < LENGTH_S * 1000]
    fps = {"25": Fraction(25), "30": Fraction(30), "29.97": NTSC, "50": Fraction(50)}[kind]
    return [t / fps for t in range(int(LENGTH_S * fps))]


def _check(clip: Clip, expected_s: list[Fraction]) -> None:
    seen_s = _onsets(_light(clip), 120, 3) / 25
    heard_s = _onsets(np.abs(clip.audio / 32768), 0.1, 1600) / 16000
    assert len(seen_s) == len(heard_s) == len(expected_s)
    assert np.abs(seen_s - heard_s).max() <= HALF_FRAME_S
    assert np.abs(heard_s - np.array(expected_s, float)).max() <= HALF_FRAME_S
    assert len(clip.audio) == 640 * len(clip.motion) == 640 * len(clip.features)


@pytest.mark.parametrize("kind", ["25", "30", "29.97", "50", "variable"])
def test_flash_and_beep_coincide(tmp_path: Path, write_video, make_clips, kind: str):
    times = _times(kind)
    # of a video the flash begins with a frame; the beep is put there
    starts = [min(t for t in times if t >= at) for at in FLASHES_S]
    path = write_video(tmp_path / "a.mp4", _flashing(times, starts), 25, _beeping(starts), times)
    (clip,) = make_clips(frames_per_clip=200)(Source("a", str(path), "folder", "a"))
    _check(clip, starts)


@pytest.mark.parametrize("late_s", [Fraction(1, 4), Fraction(-1, 8)])
def test_sound_that_begins_elsewhere_stays_in_step(tmp_path: Path, write_video, make_clips, late_s):
    times = _times("29.97")
    starts = [min(t for t in times if t >= at) for at in FLASHES_S]
    early = [at - late_s for at in starts]  # in the recording's own time
    frames, shown = _flashing(times, starts), [t - min(late_s, 0) for t in times]
    sound_at = max(late_s, Fraction(0))
    path = write_video(tmp_path / "a.mp4", frames, 25, _beeping(early), shown, sound_at)
    (clip,) = make_clips(frames_per_clip=200)(Source("a", str(path), "folder", "a"))
    _check(clip, starts)


@pytest.mark.parametrize("rotation", [90, 180])
def test_a_turned_video_is_upright_and_in_step(tmp_path: Path, write_video, make_clips, rotation):
    times = _times("30")
    starts = [min(t for t in times if t >= at) for at in FLASHES_S]
    path = write_video(
        tmp_path / "a.mov", _flashing(times, starts), 25, _beeping(starts), times, rotation=rotation
    )
    (clip,) = make_clips(frames_per_clip=200)(Source("a", str(path), "folder", "a"))
    _check(clip, starts)


def test_a_sound_file_beside_the_video_is_taken(tmp_path: Path, write_video, make_clips):
    times = _times("30")
    starts = [min(t for t in times if t >= at) for at in FLASHES_S]
    path = write_video(tmp_path / "ä b.mp4", _flashing(times, starts), 25, None, times)
    write_wav(tmp_path / "ä b.wav", _beeping(starts, 44100), 44100)
    source = Source("a", str(path), "mead", "a", audio=str(tmp_path / "ä b.wav"))
    (clip,) = make_clips(frames_per_clip=200)(source)
    _check(clip, starts)


def test_a_span_keeps_the_step(tmp_path: Path, write_video, make_clips):
    """Far into a video, where a place is looked up and not played to."""
    fps, begin = 30, Fraction(613, 10)
    times = [Fraction(t, fps) for t in range(66 * fps)]
    starts = [begin + at for at in FLASHES_S]
    starts = [min(t for t in times if t >= at) for at in starts]
    quiet = np.zeros(round(begin * 16000), np.float32)
    audio = np.concatenate([quiet, _beeping([at - begin for at in starts])])
    path = write_video(tmp_path / "a.mp4", _flashing(times, starts), fps, audio, times)
    source = Source("a", str(path), "avspeech", "a", start_s=float(begin), end_s=float(begin + 4))
    (clip,) = make_clips(frames_per_clip=200)(source)
    assert len(clip.motion) == 100
    first = Fraction(round(begin * 25), 25)
    _check(clip, [at - first for at in starts])
