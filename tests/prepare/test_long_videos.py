"""Memory does not grow with a video's length."""

import tracemalloc
from pathlib import Path

import pytest

from playmate_jax.data.records import Clip
from playmate_jax.prepare.plan import Source
from tests.prepare.conftest import speech_like, video_frame


def _peak_mib(make, path: Path) -> tuple[float, int]:
    """The most that Python and NumPy held while the clips of a video were made and let go."""
    tracemalloc.start()
    count = 0
    for item in make(Source("a", str(path), "folder", "a")):
        assert isinstance(item, Clip)
        count += 1
        del item
    peak = tracemalloc.get_traced_memory()[1] / 2**20
    tracemalloc.stop()
    return peak, count


@pytest.mark.slow
def test_eight_minutes_need_no_more_memory_than_one(tmp_path: Path, write_video, make_clips):
    make, frame, minute = make_clips(), video_frame(60), speech_like(60)
    # a shallow copy of one frame and one minute of sound, so that the videos need no memory either
    short = write_video(tmp_path / "1.mp4", [frame] * 1500, audio=minute)
    long = write_video(tmp_path / "8.mp4", [frame] * 12_000, audio=speech_like(480))
    list(make(Source("a", str(short), "folder", "a")))  # compiles
    (one, few), (eight, many) = _peak_mib(make, short), _peak_mib(make, long)
    assert many >= 16 and few >= 2
    assert eight < one * 1.1 + 2
