"""The whole renderer, portrait to frames, in JAX and in PyTorch: no pixel differs by a level."""

import jax.numpy as jnp
import numpy as np
import pytest

torch = pytest.importorskip("torch")

from safetensors.torch import load_file  # noqa: E402

from playmate_jax.converters import convert, verify  # noqa: E402
from playmate_jax.converters.liveportrait import files as liveportrait_files  # noqa: E402
from playmate_jax.converters.liveportrait import reference_pipeline as pipeline  # noqa: E402
from playmate_jax.converters.registry import by_name  # noqa: E402
from playmate_jax.geometry import head_pose  # noqa: E402
from playmate_jax.hub.weights import load_weights  # noqa: E402
from playmate_jax.inference.face_renderer import FaceRenderer  # noqa: E402
from playmate_jax.models.renderer import RendererConfig  # noqa: E402


def frames_of_both_sides(config, folder):
    """uint8 frames (t, H, W, 3): from the converted directory, and from its export."""
    family = by_name("liveportrait")
    state = verify.synthetic_state(family.table(config), family.shapes(config))
    liveportrait_files.write(folder / "published", state)
    convert.to_jax(folder / "published", folder / "jax")
    convert.to_pytorch(folder / "jax", folder / "renderer.safetensors")

    values, params, _ = load_weights(folder / "jax")
    renderer = FaceRenderer.from_weights(values, params, "here", batch=2)
    random = np.random.default_rng(0)
    side = renderer.input_size
    face = random.integers(0, 256, (side, side, 3), dtype=np.uint8)
    source_face = renderer.encode_source(face)
    motion = source_face.motion + 0.05 * random.standard_normal((3, 70)).astype(np.float32)
    motion[:, 67:] += np.array([[0, 0, 0], [5, -10, 3], [-8, 20, -4]], np.float32)
    ours = np.concatenate(list(renderer.draw(source_face, motion)))

    reference = pipeline.RendererReference(renderer.config).eval()
    reference.load_state_dict(load_file(folder / "renderer.safetensors"), strict=True)
    image = torch.from_numpy(np.moveaxis(face[None] / np.float32(255), -1, 1).copy())
    with torch.no_grad():
        drawn = torch.cat([reference(image, m[None]) for m in torch.from_numpy(motion)])
    theirs = np.moveaxis((drawn * 255).round().byte().numpy(), 1, -1)
    return ours, theirs


def assert_within_a_level(ours, theirs):
    assert ours.shape == theirs.shape and ours.dtype == theirs.dtype == np.uint8
    assert theirs.std() > 10  # an image, not a grey wall
    assert np.abs(ours[0].astype(int) - ours[2]).max() > 1  # that moves
    assert np.abs(ours.astype(int) - theirs).max() <= 1


def test_the_small_renderer_draws_the_same_frames(tmp_path):
    assert_within_a_level(*frames_of_both_sides(by_name("liveportrait").tiny, tmp_path))


@pytest.mark.slow
def test_the_full_size_renderer_draws_the_same_frames(tmp_path):
    assert_within_a_level(*frames_of_both_sides(RendererConfig(), tmp_path))


def test_rotations_and_bins_are_those_of_the_geometry():
    random = np.random.default_rng(0)
    angles = random.uniform(-90, 90, (5, 3)).astype(np.float32)
    ours = head_pose.rotation(*jnp.asarray(angles.T))
    np.testing.assert_allclose(pipeline.rotation(torch.from_numpy(angles)), ours, atol=1e-6)
    bins = random.standard_normal((4, 66)).astype(np.float32)
    ours = head_pose.degrees_from_bins(jnp.asarray(bins))
    np.testing.assert_allclose(pipeline.degrees(torch.from_numpy(bins)), ours, atol=1e-4)
