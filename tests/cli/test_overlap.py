"""A pipeline whose stages overlap makes the same frames, bit for bit, as one in turns."""

import threading

import numpy as np
import pytest

from playmate_jax.inference.ahead import in_turns


@pytest.mark.parametrize(
    "made", ["talking portrait", "dubbed video", "reenacted video, face alone"]
)
def test_frames_are_the_same_as_in_turns(
    made, animator, portrait_pixels, speech_samples, source_video, tmp_path
):
    def animation():
        if made == "talking portrait":
            return animator.animate(np.pad(portrait_pixels, ((0, 31), (40, 0), (0, 0))),
                                    speech_samples)  # fmt: skip
        if made == "dubbed video":
            return animator.animate(source_video, speech_samples)
        return animator.reenact(source_video, source_video, gain=2.0, paste=False)

    before = threading.active_count()
    overlapped = animation()
    frames = np.stack(list(overlapped))
    overlapped.write(tmp_path / "overlapped.mp4")
    with in_turns():
        plain = animation()
        expected = np.stack(list(plain))
        plain.write(tmp_path / "plain.mp4")
    np.testing.assert_array_equal(frames, expected)
    assert (tmp_path / "overlapped.mp4").read_bytes() == (tmp_path / "plain.mp4").read_bytes()
    assert (frames[0] != frames[-1]).any()
    assert threading.active_count() == before


@pytest.mark.parametrize("taken", [0, 1, 5])
def test_frames_that_nobody_takes_leave_no_threads(animator, source_video, taken):
    before = threading.active_count()
    frames = iter(animator.reenact(source_video, source_video))
    for _ in range(taken):
        next(frames)
    frames.close()
    assert threading.active_count() == before
