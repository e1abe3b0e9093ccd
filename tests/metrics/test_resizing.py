"""Resizing as three references do it: recorded rows, Pillow, and the network's own."""

import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from playmate_jax.metrics.videos.resizing import (
    CONVENTIONS,
    inception_input,
    resize,
    resize_matrix,
)
from playmate_jax.models.inception import resized


@pytest.mark.parametrize(
    ("kind", "wanted"),
    [
        # recorded of torch (align_corners=False) and of TensorFlow 1: FACTS, section 1
        ("bilinear", [0, 0.5, 1.1667, 1.8333, 2.5, 3]),
        ("tf1", [0, 0.6667, 1.3333, 2, 2.6667, 3]),
    ],
)
def test_a_row_of_four_becomes_six_as_recorded(kind, wanted):
    np.testing.assert_allclose(resize_matrix(kind, 4, 6) @ np.arange(4.0), wanted, atol=1e-4)


@pytest.mark.parametrize(("n", "m"), [(512, 299), (64, 299), (480, 224), (7, 5)])
def test_bicubic_is_pillows(n, m):
    image = np.random.default_rng(0).uniform(0, 255, (n, n)).astype(np.float32)
    wanted = np.asarray(Image.fromarray(image, "F").resize((m, m), Image.Resampling.BICUBIC))
    matrix = resize_matrix("bicubic", n, m)
    # Pillow keeps float32 between its two passes
    np.testing.assert_allclose(matrix @ image @ matrix.T, wanted, atol=2e-3)


@pytest.mark.parametrize("kind", ["bilinear", "tf1", "bicubic"])
def test_grey_stays_grey(kind):
    for n, m in ((512, 299), (64, 299), (1, 4)):
        np.testing.assert_allclose(resize_matrix(kind, n, m).sum(1), 1, rtol=1e-12)


def test_pytorch_fid_is_the_networks_own_resize():
    image = np.random.default_rng(0).integers(0, 256, (1, 40, 56, 3), dtype=np.uint8)
    wanted = resized(jnp.asarray(image, jnp.float32) / 255, 299)
    found = inception_input(jnp.asarray(image), "pytorch-fid", 299)
    np.testing.assert_allclose(found, wanted, atol=1e-5)  # JAX's weights are float32


def test_conventions_differ_and_keep_their_range():
    image = jnp.asarray(np.random.default_rng(0).integers(0, 256, (1, 32, 32, 3), dtype=np.uint8))
    found = [np.asarray(inception_input(image, name, 75)) for name in CONVENTIONS]
    for one in found:
        assert one.shape == (1, 75, 75, 3) and one.min() >= 0 and one.max() <= 1
    assert np.abs(found[0] - found[1]).mean() > 0.01 and np.abs(found[0] - found[2]).mean() > 0.01


def test_videos_are_resized_frame_by_frame():
    video = jnp.asarray(np.random.default_rng(0).uniform(size=(1, 3, 10, 12, 3)), jnp.float32)
    np.testing.assert_allclose(
        resize(video, "bilinear", 6)[0, 1], resize(video[0, 1], "bilinear", 6), atol=1e-6
    )
