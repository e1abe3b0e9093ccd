"""Whatever is wrong with a file becomes one sentence, and what is good in it stays."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from benchmarks import fuzz_media
from playmate_jax.data.records import Clip, Dropped
from playmate_jax.prepare.config import PrepareConfig
from playmate_jax.prepare.plan import Source
from playmate_jax.prepare.quality import QualityConfig
from tests.prepare.conftest import speech_like, video_frame


def _talk(seconds: float, fps: int = 25) -> list[np.ndarray]:
    return [video_frame(60)] * round(seconds * fps)


def _source(path: Path, **more) -> Source:
    return Source("a", str(path), "folder", "a", **more)


def test_a_video_becomes_a_clip(tmp_path: Path, write_video, make_clips):
    path = write_video(tmp_path / "a.mp4", _talk(4), audio=speech_like(4))
    (clip,) = make_clips()(_source(path, emotion=3, intensity=0.5, language="en"))
    assert isinstance(clip, Clip)
    assert (clip.id, clip.speaker, clip.emotion, clip.intensity) == ("a-000", "a", 3, 0.5)
    assert clip.audio.dtype == np.int16 and clip.audio.shape == (64000,)
    assert clip.motion.shape == (100, 70) and clip.motion.dtype == np.float32
    assert clip.features.shape == (100, PrepareConfig().speech_size)
    assert clip.identity.shape == (63,)
    assert len(clip.frames) == len(clip.rows) == len(clip.landmarks) == 16
    assert (np.diff(clip.rows) > 0).all() and clip.rows.max() < 100
    assert all(frame.startswith(b"\xff\xd8") for frame in clip.frames)


def test_records_tell_where_a_file_lies_below_the_root(tmp_path: Path, write_video, make_clips):
    path = write_video(tmp_path / "a.mp4", _talk(4), audio=speech_like(4))
    (clip,) = make_clips()(_source(path, root=str(tmp_path)))
    assert clip.source == "a.mp4 0.00-4.00 s"
    home = tmp_path / "two  blanks\u3000and one of Japan"
    home.mkdir()
    (home / "b.mp4").write_bytes(b"no video")
    (dropped,) = make_clips()(_source(home / "b.mp4", root=str(home)))
    assert dropped.source == "b.mp4" and "'b.mp4'" in dropped.reason


def test_the_same_source_gives_the_same_clip(tmp_path: Path, write_video, make_clips):
    path = write_video(tmp_path / "a.mp4", _talk(4), audio=speech_like(4))
    one, other = (next(iter(make_clips()(_source(path)))) for _ in range(2))
    assert one.frames == other.frames
    for name in ("audio", "motion", "features", "identity", "landmarks"):
        assert (getattr(one, name) == getattr(other, name)).all()


def test_a_long_video_becomes_many_clips_that_miss_nothing(tmp_path: Path, write_video, make_clips):
    path = write_video(tmp_path / "a.mp4", _talk(20), audio=speech_like(20))
    clips = list(make_clips(shortest_s=2.0, longest_s=6.0)(_source(path)))
    assert [clip.id for clip in clips] == [f"a-{i:03d}" for i in range(len(clips))]
    assert all(50 <= len(clip.motion) <= 150 for clip in clips)
    assert sum(len(clip.motion) for clip in clips) == 500
    heard = np.concatenate([clip.audio for clip in clips]) / 32768
    expected = speech_like(20)
    assert np.corrcoef(heard, expected)[0, 1] > 0.9  # AAC of noise


@pytest.mark.parametrize(
    ("damage", "stage", "word"),
    [
        (lambda path: path.write_bytes(b""), "probe", "empty"),
        (lambda path: path.write_bytes(b"text\n" * 99), "probe", "no media file"),
        (lambda path: path.write_bytes(path.read_bytes()[:9000]), "probe", "damaged"),
        (lambda path: path.unlink(), "probe", "no file"),
    ],
)
def test_files_that_are_no_videos_are_told(tmp_path, write_video, make_clips, damage, stage, word):
    path = write_video(tmp_path / "a.mp4", _talk(4), audio=speech_like(4))
    damage(path)
    (dropped,) = make_clips()(_source(path))
    assert isinstance(dropped, Dropped)
    assert (dropped.id, dropped.stage) == ("a", stage)
    assert word in dropped.reason and "\n" not in dropped.reason


def test_videos_without_sound_face_or_length_are_told(tmp_path, write_video, make_clips):
    videos = {
        "mute": (write_video(tmp_path / "mute.mp4", _talk(4)), "probe", "found none"),
        "short": (write_video(tmp_path / "short.mp4", _talk(1), audio=speech_like(1)), "track",
                  "1.0 s at most"),
        "empty": (write_video(tmp_path / "empty.mp4", [video_frame(60, None)] * 100,
                             audio=speech_like(4)), "track", "no face is seen for 4.0 s"),
        "sound ends": (write_video(tmp_path / "ends.mp4", _talk(4), audio=speech_like(1)), "sound",
                       "sound ends"),
    }  # fmt: skip
    for path, stage, word in videos.values():
        (dropped,) = make_clips()(_source(path))
        assert dropped.stage == stage and word in dropped.reason


def test_a_video_whose_sound_ends_early_is_a_shorter_clip(tmp_path, write_video, make_clips):
    path = write_video(tmp_path / "a.mp4", _talk(6), audio=speech_like(4))
    (clip,) = make_clips()(_source(path))
    assert 100 <= len(clip.motion) <= 104  # AAC fills up its last block
    assert len(clip.audio) == 640 * len(clip.motion)


def test_scores_under_the_thresholds_drop_a_clip_and_come_with_it(
    tmp_path, write_video, make_clips
):
    quiet = np.zeros(64000, np.float32)
    path = write_video(tmp_path / "a.mp4", _talk(4), audio=quiet)
    (dropped,) = make_clips(quality=QualityConfig())(_source(path))
    assert dropped.stage == "quality" and dropped.id == "a-000"
    assert "level_db -100 is under -45" in dropped.reason
    assert dropped.quality["level_db"] == -100


def test_spans_outside_the_video_are_told(tmp_path, write_video, make_clips):
    path = write_video(tmp_path / "a.mp4", _talk(4), audio=speech_like(4))
    for start, end in ((3.0, 2.0), (500.0, 503.0), (-2.0, 3.0), (4.5, 8.0)):
        (dropped,) = make_clips()(_source(path, start_s=start, end_s=end))
        assert isinstance(dropped, Dropped)


def test_a_image_that_lasts_for_days_is_not_repeated_for_days(tmp_path, write_video, make_clips):
    times = [Fraction(t, 25) for t in range(100)] + [Fraction(60_000)]
    path = write_video(tmp_path / "a.mp4", _talk(4.04), 25, speech_like(4), times)
    items = list(make_clips()(_source(path)))
    assert isinstance(items[-1], Dropped) and "nothing between" in items[-1].reason


def test_thirty_broken_videos_are_accounted_for(tmp_path: Path, make_clips):
    make = make_clips(shortest_s=1.0)
    kinds = set()
    for kind, path in fuzz_media.broken_files(tmp_path, 50, seed=1):
        items = list(make(Source(path.stem, str(path), "fuzz", "a")))
        kinds.add(kind)
        assert items and all(isinstance(item, Clip | Dropped) for item in items)
        assert all(item.reason for item in items if isinstance(item, Dropped))
    assert kinds == {"whole", "no video", *fuzz_media.DAMAGES}
