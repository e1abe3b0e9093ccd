"""Cuts: exact to the frame, and none where somebody only moves, or a lamp flashes."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from playmate_jax.faces.scenes import HELD, scenes
from playmate_jax.media import open_video


def _place(seed: int) -> np.ndarray:
    """An image with structure and colours of its own."""
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 256, (5, 8, 3)).astype(np.uint8)
    return cv2.resize(small, (160, 90), interpolation=cv2.INTER_CUBIC)


def _talking(seed: int, count: int) -> list[np.ndarray]:
    """A head that moves before a place, with the camera's noise."""
    rng = np.random.default_rng(seed)
    frames = []
    for t in range(count):
        image = _place(seed).copy()
        x, y = 80 + 25 * np.sin(t / 4), 50 + 5 * np.cos(t / 3)
        cv2.ellipse(image, (int(x), int(y)), (22, 30), 0, 0, 360, (200, 160, 140), -1)
        frames.append(np.clip(image + rng.normal(0, 3, image.shape), 0, 255).astype(np.uint8))
    return frames


def _begins(frames: list[np.ndarray]) -> list[int]:
    found = list(scenes(iter(frames)))
    assert len(found) == len(frames)
    assert all(one.image is image for one, image in zip(found, frames, strict=True))
    return [t for t, one in enumerate(found) if one.begins]


def _mixed(one: np.ndarray, other: np.ndarray, share: float) -> np.ndarray:
    return cv2.addWeighted(one, 1 - share, other, share, 0)


def test_a_talking_head_is_one_scene():
    assert _begins(_talking(0, 150)) == [0]


@pytest.mark.parametrize("at", [1, 2, 37, 97, 99])
def test_a_hard_cut_is_found_at_its_frame(at: int):
    assert _begins(_talking(0, at) + _talking(1, 100 - at)) == [0, at]


def test_short_scenes_are_told_apart():
    lengths = [30, 8, 12, 50]
    frames = [frame for i, n in enumerate(lengths) for frame in _talking(i, n)]
    assert _begins(frames) == [0, 30, 38, 50]


@pytest.mark.parametrize("length", [1, 3, HELD - 1])
def test_a_flash_cuts_nothing(length: int):
    frames = _talking(0, 80)
    for t in range(40, 40 + length):
        frames[t] = np.full_like(frames[t], 250)
    assert _begins(frames) == [0]


@pytest.mark.parametrize("length", [12, 25, 40])
def test_a_dissolve_is_one_cut_and_is_in_no_scene(length: int):
    before, after = _talking(0, 80 + length), _talking(1, 80 + length)
    mix = [_mixed(before[80 + t], after[t], (t + 1) / (length + 1)) for t in range(length)]
    frames = before[:80] + mix + after[length:]
    found = list(scenes(iter(frames)))
    begins = [t for t, one in enumerate(found) if one.begins]
    assert len(begins) == 2
    t = begins[1]
    assert 80 < t <= 80 + length + 25
    assert t - found[t].spoiled <= 80 + length / 2  # at least its second half is given up


def test_a_fade_tells_which_of_its_ends_is_black():
    frames = [(f * min(1, t / 25, (79 - t) / 25)).astype(np.uint8) for t, f in
              enumerate(_talking(0, 80))]  # fmt: skip
    frames += [np.zeros_like(frames[0])] * 10
    begins = [one for one in scenes(iter(frames)) if one.begins]
    assert [one.fade for one in begins] == ["", "from", "to"]
    share = [min(1, max(0, (t - 30) / 25)) for t in range(90)]
    mixed = list(map(_mixed, _talking(0, 90), _talking(1, 90), share))
    assert [one.fade for one in scenes(iter(mixed)) if one.begins] == ["", ""]


def test_a_lamp_that_is_dimmed_cuts_nothing():
    frames = _talking(0, 120)
    dimmed = [(f * (1 - 0.5 * min(1, max(0, t - 40) / 20))).astype(np.uint8)
              for t, f in enumerate(frames)]  # fmt: skip
    assert _begins(dimmed) == [0]


def test_a_camera_that_pans_cuts_nothing():
    wide = np.concatenate([_place(0), _place(1), _place(2)], axis=1)
    assert _begins([wide[:, 2 * t : 2 * t + 160] for t in range(150)]) == [0]


def test_nothing_is_nothing():
    assert _begins([]) == []


def test_real_talking_heads_are_not_cut(shared: Path):
    for name in ("face_512_25fps_audio_b.mp4", "face_480_25fps_audio.mp4"):
        video = open_video(shared / "data/videos" / name).frames_at(25)
        assert [t for t, one in enumerate(scenes(video)) if one.begins] == [0]
