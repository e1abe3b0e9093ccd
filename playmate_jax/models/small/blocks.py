"""The convolution block of small renderers: group normalisation needs no running statistics."""

import math

import flax.linen as nn
from jaxtyping import Array, Float

from playmate_jax.models.convolution import Conv
from playmate_jax.models.normalization import EPSILON


class GroupBlock2d(nn.Module):
    """3x3 convolution, group normalisation over at most 8 groups, (leaky) ReLU; size is kept."""

    features: int
    negative_slope: float = 0.0

    @nn.compact
    def __call__(self, x: Float[Array, "b h w i"]) -> Float[Array, "b h w o"]:
        x = Conv(self.features, (3, 3), name="conv")(x)
        groups = math.gcd(8, self.features)
        x = nn.GroupNorm(groups, epsilon=EPSILON, use_fast_variance=False, name="norm")(x)
        return nn.leaky_relu(x, self.negative_slope) if self.negative_slope else nn.relu(x)
