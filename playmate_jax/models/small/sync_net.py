"""The demo world's own small network of lips and speech, with SyncNet's inputs and methods.

Windows of five mouth crops (b, t, h, w, 3) in [0, 1], and 13 cepstra x 20 steps of 10 ms, to
embeddings that are near where both belong together. Synthetic faces are seen in one place and from
nearly in front, so no convolution is needed: a crop is made grey and 16 x 16, freed of its window's
brightness and contrast, and read by dense layers, the first of which is the same for all frames.
Trained by training/demo_metrics.py.
"""

import dataclasses
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from playmate_jax.models.normalization import batch_norm
from playmate_jax.models.syncnet import CEPSTRA, FRAMES, STEPS

GRID = 16  # cells of a crop's side that are looked at


@dataclasses.dataclass(frozen=True)
class SmallSyncConfig:
    """Sizes of the network.

    Attributes:
      frame: numbers of a frame, before five of them are put together.
      hidden: of the dense layers of both streams.
      size: of an embedding.
      image_size: of the mouth crops, a multiple of GRID.
    """

    frame: int = 24
    hidden: tuple[int, ...] = (128, 64)
    size: int = 32
    image_size: int = 64


class SmallSyncNet(nn.Module):
    """Embeddings of windows of speech and of windows of lips.

    Attributes:
      train: BatchNorm normalises by the batch, and moves its running statistics.
    """

    config: SmallSyncConfig = SmallSyncConfig()
    train: bool = False

    def setup(self):
        self.audio = Dense(self.config.hidden, self.config.size, self.train)
        self.frame = nn.Dense(self.config.frame)
        self.lips = Dense(self.config.hidden, self.config.size, self.train)

    def __call__(
        self, mfcc: Float[Array, "a 13 20 1"], frames: Float[Array, "b t h w 3"]
    ) -> tuple[Float[Array, "a d"], Float[Array, "b n d"]]:
        return self.embed_audio(mfcc), self.embed_lips(frames)

    def embed_audio(self, mfcc: Float[Array, "a 13 20 1"]) -> Float[Array, "a d"]:
        """Windows of speech, each alone."""
        return self.audio(mfcc.reshape(len(mfcc), -1))

    def embed_lips(self, frames: Float[Array, "b t h w 3"]) -> Float[Array, "b n d"]:
        """Every window of `FRAMES` in a run of frames: n = t - 4."""
        b, t, h, w, _ = frames.shape
        cells = frames.reshape(b, t, GRID, h // GRID, GRID, w // GRID, 3).mean((3, 5, 6))
        n = t - FRAMES + 1
        x = jnp.stack([cells[:, i : i + n] for i in range(FRAMES)], 2).reshape(b, n, FRAMES, -1)
        x = x - x.mean((2, 3), keepdims=True)
        x = x / (jnp.sqrt(jnp.square(x).mean((2, 3), keepdims=True)) + 1e-3)
        x = nn.relu(self.frame(x)).reshape(b * n, -1)
        return self.lips(x).reshape(b, n, -1)


class Dense(nn.Module):
    """BatchNorm of the input, dense layers with ReLU and BatchNorm, and one without."""

    hidden: tuple[int, ...]
    size: int
    train: bool

    @nn.compact
    def __call__(self, x: Float[Array, "b i"]) -> Float[Array, "b d"]:
        x = batch_norm(self.train, "input_norm")(x)
        for i, width in enumerate(self.hidden):
            x = batch_norm(self.train, f"norm_{i}")(nn.relu(nn.Dense(width, name=f"dense_{i}")(x)))
        return nn.Dense(self.size, name="embedding")(x)


def inputs_of(config: SmallSyncConfig) -> tuple[jax.ShapeDtypeStruct, jax.ShapeDtypeStruct]:
    """The shapes of one window of speech, and of one of lips."""
    mfcc = jax.ShapeDtypeStruct((1, CEPSTRA, STEPS, 1), jnp.float32)
    frames = jax.ShapeDtypeStruct((1, FRAMES, *(config.image_size,) * 2, 3), jnp.float32)
    return mfcc, frames


def shapes(config: SmallSyncConfig) -> Any:
    """The tree of names and shapes of its variables, nothing computed."""
    return jax.eval_shape(SmallSyncNet(config).init, jax.random.key(0), *inputs_of(config))
