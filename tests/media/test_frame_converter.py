"""Frames of which a part changes are encoded as if they were converted whole."""

from fractions import Fraction

import numpy as np
import pytest

from playmate_jax.media import VideoWriter, open_video
from playmate_jax.media.frame_converter import FrameConverter


@pytest.mark.parametrize("size", [(200, 120), (201, 121)])
@pytest.mark.parametrize(
    "box", [(60, 40, 101, 77), (0, 0, 33, 20), (150, 90, 200, 120), (7, 3, 8, 4), (5, 5, 5, 5)]
)
def test_a_changed_part_gives_the_same_numbers(size, box):
    rng = np.random.default_rng(0)
    width, height = size
    image = rng.integers(0, 256, (height, width, 3), np.uint8)
    partly, whole = FrameConverter(size), FrameConverter(size)
    left, top, right, bottom = box
    for _ in range(3):
        part = image[top:bottom, left:right]
        part[:] = rng.integers(0, 256, part.shape, np.uint8)
        one, other = partly(image, box), whole(image, None)
        np.testing.assert_array_equal(one.to_ndarray(), other.to_ndarray())
        for name in ("colorspace", "color_range", "color_primaries", "color_trc"):
            assert getattr(one, name) == getattr(other, name)


def test_a_file_is_the_same_to_the_byte(tmp_path):
    image = np.random.default_rng(1).integers(0, 256, (90, 160, 3), np.uint8)
    writers = [VideoWriter(tmp_path / name, 25, (160, 90)) for name in ("a.mp4", "b.mp4")]
    for shade in range(12):
        image[30:60, 40:90] = 20 * shade
        writers[0].write(image)
        writers[1].write(image, (40, 30, 90, 60))
    for writer in writers:
        writer.close()
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()


def test_frames_keep_their_own_times_and_the_sound_goes_with_them(tmp_path):
    times = [Fraction(t, 60) for t in (0, 1, 4, 5, 9, 30)]
    samples = np.random.default_rng(0).normal(0, 0.1, 16_000).astype(np.float32)
    with VideoWriter(tmp_path / "a.mp4", 12, (64, 48), samples, times_s=times) as out:
        for shade in range(6):
            out.write(np.full((48, 64, 3), 40 * shade, np.uint8))
    found = [frame.time_s for frame in open_video(tmp_path / "a.mp4").frames()]
    assert [round(time * 60, 2) for time in found] == [0, 1, 4, 5, 9, 30]
