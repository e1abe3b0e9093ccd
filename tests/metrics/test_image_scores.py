"""PSNR and SSIM: copies, values by hand, and SSIM by its definition, window by window."""

import numpy as np
import pytest

from playmate_jax.metrics.videos.image_scores import clip_psnr, psnr, ssim


def images(seed=0):
    rng = np.random.default_rng(seed)
    one = rng.integers(0, 256, (20, 23, 3), dtype=np.uint8)
    return one, np.clip(one + rng.normal(0, 25, one.shape), 0, 255).astype(np.uint8)


def test_a_copy_is_perfect():
    one, _ = images()
    assert psnr(one, one) == float("inf")
    assert ssim(one, one) == pytest.approx(1, abs=1e-12)


def test_one_grey_level_everywhere_is_48_db():
    one = np.full((8, 8, 3), 100, np.uint8)
    assert psnr(one, one + np.uint8(1)) == pytest.approx(20 * np.log10(255), abs=1e-9)


def test_ssim_is_its_definition_as_scikit_image_has_it():
    one, other = images()
    c1, c2, found = 6.5025, 58.5225, []  # (0.01 255)^2, (0.03 255)^2
    for c in range(3):
        for y in range(20 - 6):
            for x in range(23 - 6):
                a, b = (v[y : y + 7, x : x + 7, c].ravel().astype(float) for v in (one, other))
                (vaa, vab), (_, vbb) = np.cov(a, b)  # by n - 1
                light = (2 * a.mean() * b.mean() + c1) / (a.mean() ** 2 + b.mean() ** 2 + c1)
                found.append(light * (2 * vab + c2) / (vaa + vbb + c2))
    assert ssim(one, other) == pytest.approx(np.mean(found), abs=1e-10)
    assert ssim(other, one) == pytest.approx(ssim(one, other), abs=1e-12)


def test_one_copied_frame_does_not_make_a_clip_perfect():
    assert clip_psnr(np.array([np.inf, 30.0, 20.0])) == 25
    assert clip_psnr(np.array([np.inf, np.inf])) == float("inf")
    assert np.isnan(clip_psnr(np.array([])))
