"""Every loss of the face space against its PyTorch reference: values and gradients, in float64.

Both are written from the papers alone. In float64 only the order of sums differs, so that an error
of 1e-10 would be another formula; inputs are such that no term is at a kink (|x| at 0, a hinge).
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from playmate_jax.geometry import head_pose
from playmate_jax.geometry.grid_sample import grid_sample_2d
from playmate_jax.geometry.keypoints import equation_1, motion_from_outputs
from playmate_jax.losses import (
    adversarial,
    face_identity,
    keypoints,
    perceptual,
    regions,
    transfer,
)

torch = pytest.importorskip("torch", reason="needs the extra 'convert'")

from playmate_jax.converters.liveportrait import reference_losses as theirs  # noqa: E402
from playmate_jax.converters.liveportrait import (  # noqa: E402
    reference_motion,
    reference_regions,
)

B, K, TOLERANCE = 3, 21, 1e-10


def normal(seed: int, *shape: int):
    return np.random.default_rng(seed).standard_normal(shape)


def images(seed: int, size: int = 24):
    """(b, h, w, 3) in [0, 1]."""
    return np.random.default_rng(seed).uniform(size=(B, size, size, 3))


def points(seed: int, n: int = K):
    return 0.4 * normal(seed, B, n, 3)


def first(x):
    """An image in PyTorch's order of axes."""
    return x.movedim(-1, 1) if x.ndim > 3 else x


def taps(image, axis):
    """Features of an image with channels on an axis, some smooth functions; on either side."""
    back = (
        (lambda x: x.sum(axis, keepdims=True)) if axis == -1 else lambda x: x.sum(1, keepdim=True)
    )
    return {"relu1_1": image**2, "relu2_1": image * back(image), "relu3_1": 3 * image + image**3}


ours_taps, their_taps = (functools.partial(taps, axis=axis) for axis in (-1, 1))
WEIGHTS = {"relu1_1": 1 / 32, "relu2_1": 1 / 16, "relu3_1": 1 / 8}


def judged(seed: int):
    """Logits and features of two scales of a discriminator, as a flat list of arrays."""
    shapes = [(6, 6, 1), (12, 12, 4), (6, 6, 8), (3, 3, 1), (6, 6, 4), (3, 3, 8)]
    return [normal(seed + i, B, *shape) for i, shape in enumerate(shapes)]


def scales(*flat):
    return [(flat[0], flat[1:3]), (flat[3], flat[4:6])]


def both(loss):
    """A loss of two judgements as a function of their arrays."""
    return lambda *flat: loss(scales(*flat[:6]), scales(*flat[6:]))


def bend(seed: int = 5):
    affine = np.eye(2, 3) + 0.05 * normal(seed, B, 2, 3)
    return affine, 0.005 * normal(seed + 1, B, 25)


def motion_outputs():
    """What M's heads give: (name, array) in the order of `HEADS`."""
    bins = [2 * normal(20 + i, B, head_pose.BINS) for i in range(3)]
    return [*bins, normal(23, B, 3 * K), 0.1 * normal(24, B, 3 * K), 1 + 0.1 * normal(25, B, 1),
            normal(26, B, 3)]  # fmt: skip


HEADS = ("pitch", "yaw", "roll", "kp", "exp", "scale", "t")
FOUND, NOT_FOUND = np.array([True, True, False]), np.zeros(B, bool)


def our_keypoints(*heads):
    return equation_1(*motion_from_outputs(dict(zip(HEADS, heads, strict=True))))


def our_transfers(*heads):
    found = motion_from_outputs(dict(zip(HEADS, heads, strict=True)))
    i, j = (jax.tree.map(lambda x, n=n: x[n : n + 1], found) for n in (0, 1))
    return jnp.stack([*transfer.pose_transferred(i, j), *transfer.expression_transferred(j, i)])


def their_motion(*heads):
    return reference_motion.motion_of(dict(zip(HEADS, heads, strict=True)))


def their_transfers(*heads):
    i, j = (their_motion(*heads).rows(n, n + 1) for n in (0, 1))
    return torch.stack(
        [*reference_motion.pose_transferred(i, j), *reference_motion.expression_transferred(i, j)]
    )


def guide(loss, *inputs):
    return loss(*inputs, keypoints.GUIDED)


def our_crops(image, landmarks, found):
    boxes = regions.cascade_boxes(landmarks, jnp.asarray(FOUND), found)
    return jnp.stack([regions.crop(image, boxes[name], 10) for name in ("face", "lips")])


def their_crops(image, landmarks, found):
    boxes = reference_regions.face_and_lips(landmarks, torch.from_numpy(FOUND), found)
    crops = [reference_regions.crop(image, boxes[name], 10) for name in ("face", "lips")]
    return torch.stack(crops).movedim(2, -1)


# name -> (ours, PyTorch's, inputs). Gradients are those of all inputs.
LOSSES = {
    "hinge of the discriminator": (
        both(adversarial.hinge_discriminator), both(theirs.hinge_discriminator),
        [*judged(0), *judged(10)],
    ),
    "hinge of the generator": (
        both(lambda _, fake: adversarial.hinge_generator(fake)),
        both(lambda _, fake: theirs.hinge_generator(fake)), [*judged(0), *judged(10)],
    ),
    "feature matching": (
        both(adversarial.feature_matching), both(theirs.feature_matching),
        [*judged(0), *judged(10)],
    ),
    "perceptual": (
        lambda a, b: perceptual.perceptual(ours_taps, a, b, WEIGHTS),
        lambda a, b: theirs.perceptual(their_taps, a, b, WEIGHTS), [images(0), images(1)],
    ),
    "transfer, Eq. 4": (
        lambda a, b: transfer.transfer(ours_taps, a, b, WEIGHTS),
        lambda a, b: theirs.transfer(their_taps, a, b, WEIGHTS), [images(0), images(1)],
    ),
    "equivariance": (
        lambda x, y, *t: keypoints.equivariance(x, y, keypoints.Deformation(*t)),
        lambda x, y, *t: theirs.equivariance(x, y, theirs.Deformation(*t)),
        [points(0), points(1), *bend()],
    ),
    "keypoint prior": (keypoints.keypoint_prior, theirs.keypoint_prior, [points(2)]),
    "deformation prior": (keypoints.deformation_prior, theirs.deformation_prior, [points(3)]),
    "head pose": (
        keypoints.head_pose_l1, theirs.head_pose, [10 * normal(4, B, 3), 10 * normal(5, B, 3)],
    ),
    "landmark guide": (
        lambda x, l: guide(keypoints.landmark_guide, x, l, jnp.asarray(FOUND)),
        lambda x, l: guide(theirs.landmark_guide, x, l, torch.from_numpy(FOUND)),
        [points(6), points(7, 468)[..., :2]],
    ),
    "face identity": (
        face_identity.face_identity, theirs.face_identity, [normal(8, B, 16), normal(9, B, 16)],
    ),
}  # fmt: skip
MAPS = {
    "Eq. 1": (our_keypoints, lambda *h: reference_motion.own_keypoints(their_motion(*h)),
              motion_outputs()),
    "Eqs. 2 and 3": (our_transfers, their_transfers, motion_outputs()),
    "face and lips": (
        our_crops, their_crops, [images(3, 40), points(1, 468)[..., :2] / 2, points(2)],
    ),
    "the deformed image": (
        lambda image, *t: grid_sample_2d(image, keypoints.Deformation(*t).grid(image.shape[1])),
        lambda image, *t: theirs.Deformation(*t).image(image).movedim(1, -1),
        [images(3, 16), *bend()],
    ),
}  # fmt: skip


def value_and_gradients(ours, inputs):
    """In float64, of a loss or of the sum of an array times fixed noise."""

    def objective(*inputs):
        found = ours(*inputs)
        if hasattr(found, "value"):
            return found.value(), found.value()
        return jnp.sum(found * normal(99, *found.shape)), found

    with jax.enable_x64(True):
        gradient = jax.jit(jax.grad(objective, tuple(range(len(inputs))), has_aux=True))
        gradients, value = gradient(*(jnp.asarray(x, jnp.float64) for x in inputs))
        return np.asarray(value), [np.asarray(g) for g in gradients]


def their_value_and_gradients(loss, inputs):
    places = [torch.from_numpy(x).requires_grad_() for x in inputs]
    value = loss(*(first(x) for x in places))
    noise = torch.from_numpy(np.ones(()) if value.ndim == 0 else normal(99, *value.shape))
    (value * noise).sum().backward()
    gradients = [torch.zeros_like(x) if x.grad is None else x.grad for x in places]
    return value.detach().numpy(), [g.numpy() for g in gradients]


@pytest.mark.parametrize("name", [*LOSSES, *MAPS])
def test_values_and_gradients_are_pytorchs(name):
    ours, reference, inputs = (LOSSES | MAPS)[name]
    value, gradients = value_and_gradients(ours, inputs)
    wanted, their_gradients = their_value_and_gradients(reference, inputs)
    assert value.dtype == np.float64
    np.testing.assert_allclose(value, wanted, rtol=TOLERANCE, atol=TOLERANCE)
    for found, expected in zip(gradients, their_gradients, strict=True):
        np.testing.assert_allclose(found, expected, rtol=TOLERANCE, atol=TOLERANCE)
    assert any(np.abs(g).max() > 1e-4 for g in gradients)


def test_the_guide_is_zero_where_no_landmarks_are_known():
    found = guide(
        theirs.landmark_guide, torch.from_numpy(points(0)),
        torch.from_numpy(points(1, 468)[..., :2]), torch.from_numpy(NOT_FOUND),
    )  # fmt: skip
    assert found == 0


def test_the_reference_turns_as_liveportrait_does():
    # 10, 20 and 30 degrees: the published fixture, FACTS 9.1
    found = reference_motion.rotation(torch.tensor([[10.0, 20.0, 30.0]]))[0]
    wanted = [[0.813798, 0.469846, -0.342020], [-0.440970, 0.882564, 0.163176],
              [0.378522, 0.018028, 0.925416]]  # fmt: skip
    np.testing.assert_allclose(found, wanted, atol=2e-6)
