"""Lips and speech are compared where SyncNet is given, and only in clips that are good so far."""

import numpy as np
import pytest

from playmate_jax.data.records import Clip, Dropped
from playmate_jax.metrics.sync import Sync
from playmate_jax.models.syncnet import SyncNetConfig
from playmate_jax.prepare.plan import Source
from playmate_jax.prepare.quality import QualityConfig
from tests.prepare.conftest import LENIENT, speech_like, video_frame

T = 80


class Listener:
    """In SyncNet's place: says what it was told to, and keeps what it was shown."""

    config = SyncNetConfig(image_size=64)

    def __init__(self, found: Sync):
        self.found, self.seen = found, []

    def __call__(self, frames: np.ndarray, audio: np.ndarray) -> Sync:
        self.seen.append((frames, audio))
        return self.found


@pytest.fixture
def source(tmp_path, write_video) -> Source:
    video = [video_frame(place=(60 + t // 4, 60)) for t in range(T)]  # the face walks
    path = write_video(tmp_path / "a.mp4", video, audio=speech_like(T / 25))
    return Source("a", str(path), "folder", "a")


def prepared(make_clips, source, listener, **settings) -> Clip | Dropped:
    maker = make_clips(**settings)
    maker.sync = listener
    (item,) = maker(source)
    return item


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (Sync(1, 6.0, 7.0), ""),
        (Sync(0, 0.3, 12.0), "sync 0.3 is under 1.5"),
        (Sync(-3, 6.0, 7.0), "sync_offset 3 is over 2"),
    ],
)
def test_confidence_and_offset_decide(make_clips, source, found, reason):
    item = prepared(make_clips, source, Listener(found))
    assert (item.reason if isinstance(item, Dropped) else "") == reason
    assert item.quality["sync"] == found.confidence
    assert item.quality["sync_offset"] == abs(found.offset)


def test_every_frame_is_seen_in_syncnets_framing(make_clips, source):
    listener = Listener(Sync(0, 6.0, 7.0))
    clip = prepared(make_clips, source, listener)
    ((lips, audio),) = listener.seen
    assert lips.shape == (T, 64, 64, 3) and len(audio) == T * 640 == len(clip.audio)
    # the face is brighter than its ground; it stays in the middle while it walks through the video
    columns = [np.flatnonzero(frame[20, :, 1] > 150).mean() for frame in lips]
    assert np.ptp(columns) < 3 and abs(np.mean(columns) - 31.5) < 2


def test_without_syncnet_nothing_is_said_of_sync(make_clips, source):
    assert not {"sync", "sync_offset"} & prepared(make_clips, source, None).quality.keys()


def test_a_clip_that_is_bad_already_is_not_compared(make_clips, source):
    listener = Listener(Sync(0, 6.0, 7.0))
    quality = QualityConfig(**{**vars(LENIENT), "least_face_px": 100.0})
    item = prepared(make_clips, source, listener, quality=quality)
    assert isinstance(item, Dropped) and not listener.seen
