"""The visible mark: it is in every frame, in its corner, and leaves everything else alone."""

import numpy as np
import pytest

from playmate_jax.media import VideoWriter, open_video
from playmate_jax.media.mark import Mark


def correlation(a, b):
    return float(np.corrcoef(a.astype(float).ravel(), b.astype(float).ravel())[0, 1])


@pytest.mark.parametrize("size", [(512, 640), (1920, 1080), (128, 128), (20, 30), (3, 3)])
def test_the_label_is_within_the_frame_and_the_frame_is_given_back(size):
    mark = Mark(size)
    frame = np.random.default_rng(0).integers(0, 255, (*size[::-1], 3), np.uint8)
    before = frame.copy()
    with mark.on(frame) as shown:
        assert (shown[mark.place] == mark.label).all()
        changed = (shown != before).any(-1)
        assert changed.sum() <= mark.label.shape[0] * mark.label.shape[1]
        with mark.on(shown) as twice:
            assert (twice == shown).all()
    assert (frame == before).all()


def test_a_frame_that_cannot_be_written_is_copied():
    frame = np.zeros((64, 96, 3), np.uint8)
    frame.flags.writeable = False
    with Mark((96, 64)).on(frame) as shown:
        assert shown.any() and not frame.any()


def test_text_and_ground_are_told_apart_at_usual_sizes():
    for size in ((512, 640), (1280, 720)):
        label = Mark(size).label
        assert label.max() > 200 and label.min() < 40  # white on dark grey
        assert 0.1 < (label > 128).mean() < 0.5
        assert 0.08 < label.shape[1] / size[0] < 0.45


def test_it_is_seen_in_the_decoded_video(tmp_path):
    rng, mark = np.random.default_rng(1), Mark((320, 240))
    ground = np.kron(rng.integers(0, 255, (15, 20, 3), np.uint8), np.ones((16, 16, 1), np.uint8))
    for name, marked in (("with.mp4", True), ("without.mp4", False)):
        with VideoWriter(tmp_path / name, 25, (320, 240)) as out:
            for i in range(5):
                frame = np.roll(ground, 4 * i, axis=1)
                if marked:
                    with mark.on(frame) as shown:
                        out.write(shown)
                else:
                    out.write(frame)
    with_mark, without = (
        [frame.image for frame in open_video(tmp_path / name)]
        for name in ("with.mp4", "without.mp4")
    )
    assert len(with_mark) == 5
    for a, b in zip(with_mark, without, strict=True):
        assert correlation(a[mark.place], mark.label) > 0.95
        assert correlation(b[mark.place], mark.label) < 0.5
        a[mark.place] = b[mark.place]
        assert np.abs(a.astype(int) - b).mean() < 2
