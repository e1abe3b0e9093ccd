"""SyncNet (Chung and Zisserman 2016): speech and lips in one space, where what belongs together is
near. Sync-C, Sync-D and the filter of prepared clips come from it (metrics/sync.py).

Speech: 13 cepstra x 20 steps of 10 ms (models/mfcc.py), of int16 samples. Lips: five frames of the
face in a row at 25 fps, (b, 5, 224, 224, 3) in [0, 1], RGB; what the published network was trained
on, BGR in 0 ... 255, is made here. Both give 1024 numbers, which are not normalised. As published
(joonson/syncnet_python, `syncnet_v2.model`), evaluation alone.

Time has an extent in the first convolution of the lips only. So the five frames are laid side by
side in the channels, everything is 2-D on every backend, and a longer run of frames gives one
embedding per window without any work being done twice.
"""

import dataclasses
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from playmate_jax.models.normalization import batch_norm

FRAMES = 5  # of a window of lips
CEPSTRA, STEPS = 13, 20  # of a window of speech
CELL = 32  # pixels: images of k + 1 cells leave k x k places to the last convolution

# Convolutions but the last: window, stride, padding; stride and padding of a 3x3 maximum behind it.
_PLAIN = (3, 1, 1, None)
AUDIO_LAYERS = (_PLAIN, (3, 1, 1, ((1, 2), 0)), _PLAIN, _PLAIN, (3, 1, 1, ((2, 2), 0)))
LIP_LAYERS = ((7, 2, 0, ((2, 2), 0)), (5, 2, 1, ((2, 2), 1)), _PLAIN, _PLAIN, AUDIO_LAYERS[4])


@dataclasses.dataclass(frozen=True)
class SyncNetConfig:
    """Sizes; the defaults are the published ones.

    Attributes:
      audio_widths, lip_widths: of the six convolutions of a stream.
      hidden: between the two dense layers of a stream.
      size: of an embedding.
      image_size: of the face crops, a multiple of `CELL`.
    """

    audio_widths: tuple[int, ...] = (64, 192, 384, 256, 256, 512)
    lip_widths: tuple[int, ...] = (96, 256, 256, 256, 256, 512)
    hidden: int = 512
    size: int = 1024
    image_size: int = 224


class Stream(nn.Module):
    """Convolutions with BatchNorm, of which the last covers all that is left, and two dense layers.

    Attributes:
      layers: `AUDIO_LAYERS` or `LIP_LAYERS`.
    """

    layers: tuple
    widths: tuple[int, ...]
    hidden: int
    size: int

    @nn.compact
    def __call__(self, x: Float[Array, "b h w i"]) -> Float[Array, "b d"]:
        for i, (window, stride, padding, pool) in enumerate(self.layers):
            x = self._conv(x, i, (window,) * 2, stride, padding)
            if pool is not None:
                x = nn.max_pool(x, (3, 3), pool[0], ((pool[1], pool[1]),) * 2)
        x = self._conv(x, len(self.layers), x.shape[1:3], 1, 0)[:, 0, 0]
        x = nn.Dense(self.hidden, name="hidden")(x)
        x = nn.relu(batch_norm(False, "hidden_norm")(x))
        return nn.Dense(self.size, name="embedding")(x)

    def _conv(
        self, x: Array, i: int, window: tuple[int, ...], stride: int, padding: int
    ) -> Float[Array, "b h w o"]:
        pad = ((padding, padding),) * 2
        x = nn.Conv(self.widths[i], window, (stride,) * 2, pad, name=f"conv_{i}")(x)
        return nn.relu(batch_norm(False, f"norm_{i}")(x))


class SyncNet(nn.Module):
    """Embeddings of windows of speech and of windows of lips."""

    config: SyncNetConfig = SyncNetConfig()

    def setup(self):
        c = self.config
        self.audio = Stream(AUDIO_LAYERS, c.audio_widths, c.hidden, c.size)
        self.lips = Stream(LIP_LAYERS, c.lip_widths, c.hidden, c.size)

    def __call__(
        self, mfcc: Float[Array, "a 13 20 1"], frames: Float[Array, "b t h w 3"]
    ) -> tuple[Float[Array, "a d"], Float[Array, "b n d"]]:
        return self.embed_audio(mfcc), self.embed_lips(frames)

    def embed_audio(self, mfcc: Float[Array, "a 13 20 1"]) -> Float[Array, "a d"]:
        """Windows of speech, each alone: the first convolutions pad them."""
        return self.audio(mfcc)

    def embed_lips(self, frames: Float[Array, "b t h w 3"]) -> Float[Array, "b n d"]:
        """Every window of `FRAMES` in a run of frames: n = t - 4."""
        b, t, h, w, c = frames.shape
        n = t - FRAMES + 1
        x = 255.0 * frames[..., ::-1]
        x = jnp.concatenate([x[:, i : i + n] for i in range(FRAMES)], axis=-1)
        return self.lips(x.reshape(b * n, h, w, FRAMES * c)).reshape(b, n, -1)


def shapes(config: SyncNetConfig) -> Any:
    """The tree of names and shapes of SyncNet's variables, nothing computed."""
    mfcc = jax.ShapeDtypeStruct((1, CEPSTRA, STEPS, 1), jnp.float32)
    frames = jax.ShapeDtypeStruct((1, FRAMES, *(config.image_size,) * 2, 3), jnp.float32)
    return jax.eval_shape(SyncNet(config).init, jax.random.key(0), mfcc, frames)
