"""S, the stitching network, and the eye and lip retargeters: small MLPs on keypoints.

Each maps source keypoints and a condition to offsets of the driving keypoints. Stitching: source
and driving keypoints (126) to offsets (63) and a shift in the image's plane (2). Eyes: source
keypoints and three openness (66) to 63. Lips: source keypoints and two openness (65) to 63.
"""

import dataclasses

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float


@dataclasses.dataclass(frozen=True)
class KeypointMLPConfig:
    """Widths of one MLP; the defaults are stitching's."""

    inputs: int = 126
    hidden: tuple[int, ...] = (128, 128, 64)
    outputs: int = 65


STITCHING = KeypointMLPConfig()
EYES = KeypointMLPConfig(66, (256, 256, 128, 128, 64), 63)
LIPS = KeypointMLPConfig(65, (128, 128, 64), 63)


class KeypointMLP(nn.Module):
    """Linear layers with ReLU between them. The last starts at zero: no offset before training."""

    config: KeypointMLPConfig = STITCHING

    @nn.compact
    def __call__(self, x: Float[Array, "b i"]) -> Float[Array, "b o"]:
        for i, width in enumerate(self.config.hidden):
            x = nn.relu(nn.Dense(width, name=f"layer_{i}")(x))
        last = f"layer_{len(self.config.hidden)}"
        return nn.Dense(self.config.outputs, kernel_init=nn.initializers.zeros, name=last)(x)


def stitching_offsets(
    config: KeypointMLPConfig,
    variables: dict,
    source: Float[Array, "b k 3"],
    driving: Float[Array, "b k 3"],
) -> Float[Array, "b o"]:
    """Delta_st: offsets of each driving keypoint (3 k), and of all of them in the plane (2)."""
    b = driving.shape[0]
    pair = jnp.concatenate([source.reshape(b, -1), driving.reshape(b, -1)], axis=-1)
    return KeypointMLP(config).apply(variables, pair)


def stitched(driving: Float[Array, "b k 3"], offsets: Float[Array, "b o"]) -> Float[Array, "b k 3"]:
    """Driving keypoints moved by `stitching_offsets`: x_d + Delta_st."""
    b, k, _ = driving.shape
    shift = jnp.pad(offsets[:, None, 3 * k :], ((0, 0), (0, 0), (0, 1)))
    return driving + offsets[:, : 3 * k].reshape(b, k, 3) + shift


def stitch(
    config: KeypointMLPConfig,
    variables: dict,
    source: Float[Array, "b k 3"],
    driving: Float[Array, "b k 3"],
) -> Float[Array, "b k 3"]:
    """Driving keypoints moved so that the shoulders of the result meet those of the source."""
    return stitched(driving, stitching_offsets(config, variables, source, driving))


def openness_offsets(
    config: KeypointMLPConfig,
    variables: dict,
    source: Float[Array, "b k 3"],
    openness: Float[Array, "b i"],
) -> Float[Array, "b k 3"]:
    """What an eye or lip retargeter moves: the source's own openness, and last the wanted one."""
    b, k, _ = source.shape
    offsets = KeypointMLP(config).apply(variables, jnp.append(source.reshape(b, -1), openness, -1))
    return offsets.reshape(b, k, 3)
