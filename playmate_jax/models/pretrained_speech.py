"""wav2vec 2.0 and HuBERT as speech encoders: exactly one row of features per video frame.

    encoder = load_speech("weights/wav2vec2", "last")     # or a layer's number, or "mean"
    encoder(audio (s,))                                   # (ceil(s / 640), 768)

Speech is filled up with silence to whole video frames and mirrored at its ends (`speech.padded`),
which gives two rows at 50 Hz per frame; their mean is the frame's.

One compiled program serves audio of any length. Short audio is filled up to the next power of two
of rows, and what was filled up is masked: the result is that of the audio alone. Longer audio goes
through in overlapping chunks, and each row is taken from the chunk in which it lies furthest from
an end. What is exact and what is not: normalisation and the norm over time of the first convolution
use the whole utterance (its moments follow from the covariance of the samples under the window);
convolutions are exact; attention hears its chunk of 30 s, with at least 5 s on each side, and not
the rest of the recording. For a minute of noise and random weights, whose attention hears
everything alike, that costs 0.7 % RMS of the features' std; published weights are not measured.
"""

import dataclasses
import functools
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from playmate_jax.configuration import from_values
from playmate_jax.errors import UserError
from playmate_jax.hub.weights import check_tree, load_weights
from playmate_jax.models.speech import at_video_rate, padded
from playmate_jax.models.wav2vec2 import Wav2Vec2, Wav2Vec2Config, shapes
from playmate_jax.motion.layout import SAMPLES_PER_FRAME

KINDS = ("wav2vec2", "hubert")
STRIDE, EXTRA = 320, 80  # n rows need n strides and 80 samples
LEAST_ROWS = 64
_BLOCK = 1 << 20  # windows whose covariance is summed at a time


@dataclasses.dataclass(frozen=True)
class SpeechConfig:
    """A pretrained encoder.

    Attributes:
      name: what generators ask for: "wav2vec2", "hubert".
      normalize: it was trained on utterances of zero mean and unit variance.
    """

    network: Wav2Vec2Config = Wav2Vec2Config()
    name: str = "wav2vec2"
    normalize: bool = True


class PretrainedSpeech:
    """`SpeechEncoder` over wav2vec 2.0 or HuBERT.

    Args:
      variables: of `Wav2Vec2`.
      layer: "last", "mean" (of all layers and their input) or a number, 0 for the first's input.
      chunk, margin: rows at 50 Hz of a chunk, and how many at its ends are left to its neighbours.
    """

    def __init__(
        self,
        config: SpeechConfig,
        variables: dict[str, Any],
        layer: str = "last",
        chunk: int = 1500,
        margin: int = 250,
    ):
        known = ["last", "mean", *map(str, range(config.network.layers + 1))]
        if layer not in known:
            raise UserError(
                f"expected a layer of {config.name} among last, mean and 0 to "
                f"{config.network.layers}, found '{layer}': choose one of those"
            )
        self.config, self.chunk, self.margin = config, chunk, margin
        self._layer = config.network.layers if layer == "last" else layer
        self._variables = jax.device_put(variables)

    @property
    def size(self) -> int:
        """The speech feature dimension, per video frame."""
        return self.config.network.width

    def __call__(self, audio: Float[np.ndarray, "s"]) -> Float[np.ndarray, "t f"]:
        """Features of mono speech in [-1, 1] at 16 kHz; not-a-number samples are silence."""
        audio = np.nan_to_num(np.asarray(audio, np.float32), nan=0.0, posinf=0.0, neginf=0.0)
        n_frames = -(-len(audio) // SAMPLES_PER_FRAME)
        if n_frames == 0:
            return np.zeros((0, self.size), np.float32)
        if self.config.normalize:
            audio = (audio - audio.mean()) / np.sqrt(audio.var() + 1e-7)
        audio = padded(np.pad(audio, (0, n_frames * SAMPLES_PER_FRAME - len(audio))))
        moments = self._moments(audio)
        n_rows = 2 * n_frames
        size = min(self.chunk, max(LEAST_ROWS, 1 << (n_rows - 1).bit_length()))
        made = []
        for start, first, end in chunks(n_rows, size, self.margin):
            part = audio[STRIDE * start : STRIDE * (start + size) + EXTRA]
            count = min(size, n_rows - start)
            part = np.pad(part, (0, STRIDE * size + EXTRA - len(part)))
            rows = _rows(
                self.config.network, self._layer, self._variables, part[None],
                np.array([count]), moments,
            )  # fmt: skip
            made.append(np.asarray(rows[0])[first - start : end - start])
        return np.asarray(at_video_rate(np.concatenate(made)))

    def _moments(self, audio: Float[np.ndarray, "s"]):
        """Mean and variance over the utterance of every channel of the first convolution."""
        if self.config.network.feature_norm != "group":
            return None
        first = self._variables["params"]["features"]["conv_0"]
        kernel = np.asarray(first["kernel"], np.float64)[:, 0]  # (taps, channels)
        mean, covariance = window_moments(audio, len(kernel), self.config.network.strides[0])
        mean = mean @ kernel + np.asarray(first.get("bias", 0.0), np.float64)
        variance = np.einsum("ic,ij,jc->c", kernel, covariance, kernel)
        return mean.astype(np.float32), np.maximum(variance, 0).astype(np.float32)


def chunks(n_rows: int, size: int, margin: int) -> list[tuple[int, int, int]]:
    """(first row of a chunk, first and end of the rows to take from it), all rows once.

    The last chunk is moved back to be full; where two overlap, they part in the middle.
    """
    last = max(0, n_rows - size)
    starts = [*range(0, last, size - 2 * margin), last]
    parts = [0, *((a + b + size) // 2 for a, b in zip(starts, starts[1:])), n_rows]
    return list(zip(starts, parts[:-1], parts[1:]))


def window_moments(
    audio: Float[np.ndarray, "s"], taps: int, stride: int
) -> tuple[Float[np.ndarray, "taps"], Float[np.ndarray, "taps taps"]]:
    """Mean and covariance, over all its positions, of the samples under a convolution's window."""
    windows = np.lib.stride_tricks.sliding_window_view(audio, taps)[::stride]
    total, square = np.zeros(taps), np.zeros((taps, taps))
    for i in range(0, len(windows), _BLOCK):
        block = windows[i : i + _BLOCK].astype(np.float64)
        total += block.sum(0)
        square += block.T @ block
    mean = total / len(windows)
    return mean, square / len(windows) - np.outer(mean, mean)


@functools.partial(jax.jit, static_argnums=(0, 1))
def _rows(
    config: Wav2Vec2Config, layer: int | str, variables, audio, n_rows, moments
) -> Float[Array, "1 n f"]:
    """One chunk at 50 Hz; layers that are not asked for are not computed."""
    states = Wav2Vec2(config).apply(variables, audio, n_rows, moments)
    return jnp.mean(jnp.stack(states), 0) if layer == "mean" else states[int(layer)]


def load_speech(directory: str | Path, layer: str = "last") -> PretrainedSpeech:
    """The speech encoder in a weights directory.

    Raises:
      UserError: there is none, it is damaged, or has no such layer.
    """
    values, params, _ = load_weights(directory)
    kind = values.pop("kind", "something else")
    if kind not in KINDS:
        raise UserError(
            f"expected the weights of a speech encoder ({', '.join(KINDS)}) in {directory}, found "
            f"those of '{kind}': give another folder"
        )
    normalize = bool(values.pop("normalize", True))
    network = from_values(Wav2Vec2Config, values, f"{directory}/config.json")
    config = SpeechConfig(network, kind, normalize)
    check_tree(params, shapes(config.network), f"the speech encoder's weights in {directory}")
    return PretrainedSpeech(config, params, layer)
