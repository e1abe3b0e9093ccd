"""Eqs. 2 to 4: the pairwise transfer loss (VASA-1's), which takes head pose and expression apart.

Frames i and j show one person. The head pose of j on frame i (Eq. 2) and the expression of i on
frame j (Eq. 3) are the same head pose and the same expression, so both images must look alike
(Eq. 4):

    I_{i, j pose} = G(W(f_i, x_i, x_{i, j pose}))
    I_{j, i exp}  = G(W(f_j, x_j, x_{j, i exp}))

The keypoints are `geometry.keypoints`' `equation_2` and `equation_3`; here they take what M finds
in a frame.
"""

from collections.abc import Mapping

from jaxtyping import Array, Float

from playmate_jax.geometry.keypoints import Motion, equation_2, equation_3
from playmate_jax.losses.perceptual import TAP_WEIGHTS, Features, taps
from playmate_jax.losses.rows import row_mean, row_norm, total
from playmate_jax.parallel.share import Mean

# Canonical keypoints x_c and motion of a frame, as `geometry.keypoints.motion_from_outputs` gives
# them.
FrameMotion = tuple[Float[Array, "b k 3"], Motion]
Keypoints = Float[Array, "b k 3"]


def pose_transferred(motion_i: FrameMotion, motion_j: FrameMotion) -> tuple[Keypoints, Keypoints]:
    """Eq. 2: (x_i, x_{i, j pose}), what W takes to give frame i the head pose of j."""
    x_c_i, of_i = motion_i
    return equation_2(x_c_i, of_i, motion_j[1])


def expression_transferred(
    motion_j: FrameMotion, motion_i: FrameMotion
) -> tuple[Keypoints, Keypoints]:
    """Eq. 3: (x_j, x_{j, i exp}), what W takes to give frame j the expression of i."""
    x_c_j, of_j = motion_j
    return equation_3(x_c_j, motion_i[1], of_j)


def transfer(
    features: Features,
    drawn_pose: Float[Array, "b h w 3"],
    drawn_expression: Float[Array, "b h w 3"],
    weights: Mapping[str, float] = TAP_WEIGHTS,
) -> Mean:
    """Eq. 4: || V(I_{i, j pose}) - V(I_{j, i exp}) ||_2, summed over VGG19's taps with weights.

    Each norm is divided by the root of the number of values, so that it depends neither on the
    image's size nor on the tap's. Both images are drawn: the gradient flows into both.
    """
    of_pose, of_expression = (
        taps(features, image, weights) for image in (drawn_pose, drawn_expression)
    )
    return total([
        row_mean(weight * row_norm(of_pose[name] - of_expression[name]))
        for name, weight in weights.items()
    ])  # fmt: skip
