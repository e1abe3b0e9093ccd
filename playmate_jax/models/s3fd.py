"""S3FD (Zhang et al. 2017): faces of any size in an image; SyncNet's face tracks are made with it.

Input: images (b, h, w, 3) in [0, 1], RGB, at least 64 pixels a side; what the network was trained
on, 0 ... 255 less the mean colour, is made here. Output: for one square prior per place of six
maps, logits of background and face (b, n, 2), and the offset of the face's box from the prior
(b, n, 4): centre x and y in units of 0.1 prior sides, logarithms of width and height in units of
0.2. Places are in the order map, row, column; priors have `SIZES` pixels a side every `STRIDES`
pixels. As published (joonson/syncnet_python, `sfd_face.pth`), evaluation alone.
"""

import dataclasses

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

MEAN = (123.0, 117.0, 104.0)  # of red, green, blue, which are not scaled
STRIDES = (4, 8, 16, 32, 64, 128)  # pixels, of the six maps
SIZES = (16, 32, 64, 128, 256, 512)  # pixels, of their priors
DEPTHS = (2, 2, 3, 3, 3)  # convolutions of VGG16's blocks; a 2x2 maximum follows each
BACKGROUNDS = (3, 1, 1, 1, 1, 1)  # logits of background, of which the greatest counts
EPSILON = 1e-10  # of the norms, whose lengths are never small


@dataclasses.dataclass(frozen=True)
class S3FDConfig:
    """Sizes; the defaults are the published ones.

    Attributes:
      widths: of VGG16's blocks.
      wide: of the two convolutions behind them.
      extras: of the four convolutions behind those.
    """

    widths: tuple[int, ...] = (64, 128, 256, 512, 512)
    wide: int = 1024
    extras: tuple[int, ...] = (256, 512, 128, 256)


class L2Norm(nn.Module):
    """Every place's channels to length 1, then a scale of the channel (ParseNet)."""

    scale: float

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b h w c"]:
        scale = self.param("scale", nn.initializers.constant(self.scale), x.shape[-1:])
        length = jnp.sqrt(jnp.sum(jnp.square(x), -1, keepdims=True))
        return x / (length + EPSILON) * scale


class S3FD(nn.Module):
    """Images to logits and offsets of all priors, by the sizes of `config`."""

    config: S3FDConfig = S3FDConfig()

    @nn.compact
    def __call__(
        self, image: Float[Array, "b h w 3"]
    ) -> tuple[Float[Array, "b n 2"], Float[Array, "b n 4"]]:
        x = (255.0 * image - jnp.array(MEAN)).astype(image.dtype)
        maps = []
        for i, (depth, width) in enumerate(zip(DEPTHS, self.config.widths), 1):
            for j in range(1, depth + 1):
                x = nn.relu(nn.Conv(width, (3, 3), name=f"conv_{i}_{j}")(x))
            if i > 2:  # noqa: PLR2004
                maps.append(L2Norm((10.0, 8.0, 5.0)[i - 3], name=f"norm_{i}")(x))
            # the third pooling covers an odd last row and column, the others leave them out
            rest = [(0, n % 2) for n in x.shape[1:3]] if i == 3 else "VALID"  # noqa: PLR2004
            x = nn.max_pool(x, (2, 2), (2, 2), rest)
        x = nn.relu(nn.Conv(self.config.wide, (3, 3), kernel_dilation=6, name="conv_6")(x))
        x = nn.relu(nn.Conv(self.config.wide, (1, 1), name="conv_7")(x))
        maps.append(x)
        for i, width in enumerate(self.config.extras):
            window, stride, pad = (3, 2, 1) if i % 2 else (1, 1, 0)
            layer = nn.Conv(width, (window,) * 2, stride, ((pad, pad),) * 2, name=f"extra_{i}")
            x = nn.relu(layer(x))
            if i % 2:
                maps.append(x)
        logits = [self._logits(x, i) for i, x in enumerate(maps)]
        offsets = [_places(nn.Conv(4, (3, 3), name=f"offsets_{i}")(x)) for i, x in enumerate(maps)]
        return jnp.concatenate(logits, 1), jnp.concatenate(offsets, 1)

    def _logits(self, x: Float[Array, "b h w c"], i: int) -> Float[Array, "b n 2"]:
        n = BACKGROUNDS[i]
        x = nn.Conv(n + 1, (3, 3), name=f"logits_{i}")(x)
        return _places(jnp.concatenate([x[..., :n].max(-1, keepdims=True), x[..., n:]], -1))


def _places(x: Float[Array, "b h w c"]) -> Float[Array, "b n c"]:
    return x.reshape(len(x), -1, x.shape[-1])
