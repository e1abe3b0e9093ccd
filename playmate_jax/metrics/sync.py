"""Do the lips move when they are heard? SyncNet's confidence (Sync-C) and distance (Sync-D).

    score = load_syncnet("weights/syncnet")         # playmate convert syncnet syncnet_v2.model DIR
    score(frames (t, h, w, 3), audio (s,))          # Sync(offset, confidence, distance)

Every window of five frames is compared with the windows of speech up to 15 frames before and after
it; the distance is averaged over the clip for each of the 31 shifts. Sync-D is the least of these
means (lower is better), Sync-C their median less the least (higher is better), as in
syncnet_python (whose example of speech in sync has 10.0 and 5.4). Of a set of clips the mean is
reported. A shift of sound against image lowers neither: look at `offset` too.

Face crops are framed as the network was trained on them: `faces.sync_crops`.
"""

import functools
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, UInt8

from playmate_jax.configuration import from_values
from playmate_jax.errors import UserError
from playmate_jax.hub.weights import check_tree, load_weights
from playmate_jax.models import syncnet
from playmate_jax.models.small import sync_net
from playmate_jax.models.small.sync_net import SmallSyncConfig, SmallSyncNet
from playmate_jax.models.syncnet import FRAMES, SyncNet, SyncNetConfig
from playmate_jax.models.syncnet_speech import speech_windows
from playmate_jax.motion.layout import SAMPLES_PER_FRAME

REACH = 15  # frames to either side
LEAST_FRAMES = FRAMES + 1  # the original leaves the last window out
BATCH = 16  # windows: one compiled program serves clips of any length
KIND = "syncnet"
DEMO = "demo-syncnet"  # the demo world's own network: another crop, and a scale of its own
# Kind of weights -> configuration, module, shapes of its variables.
KINDS: dict[str, tuple[Any, Any, Any]] = {
    KIND: (SyncNetConfig, SyncNet, syncnet.shapes),
    DEMO: (SmallSyncConfig, SmallSyncNet, sync_net.shapes),
}
_EPSILON = 1e-6  # torch's pairwise_distance adds it to every difference


class Sync(NamedTuple):
    """How well a clip's lips and speech fit.

    Attributes:
      offset: frames by which the lips come later than the speech (AV offset).
      confidence: Sync-C.
      distance: Sync-D.
      at_rest: what the confidence would be were the least distance that of no shift: it falls
        where sound and lips are moved apart, which Sync-C does not.
    """

    offset: int
    confidence: float
    distance: float
    at_rest: float = float("nan")


class SyncScore:
    """A clip of 25 fps face crops with its speech to `Sync`.

    Args:
      variables: of the network of that kind, `KIND` or `DEMO`.
    """

    def __init__(self, config: Any, variables: dict[str, Any], kind: str = KIND):
        self.config = config
        self._network = KINDS[kind][1](config)
        self._variables = jax.device_put(variables)

    def __call__(self, frames: Iterable[UInt8[np.ndarray, "h w 3"]], audio: np.ndarray) -> Sync:
        """Measures RGB face crops at 25 fps and int16 speech at 16 kHz that starts with them.

        Raises:
          UserError: the clip is too short to be measured.
        """
        return compare(*self.embed(frames, audio))

    def embed(
        self, frames: Iterable[UInt8[np.ndarray, "h w 3"]], audio: Int[np.ndarray, "s"]
    ) -> tuple[Float[np.ndarray, "n d"], Float[np.ndarray, "n d"]]:
        """Embeddings of every window of lips and of every window of speech.

        Raises:
          UserError: too short for one window.
        """
        lips, length = self._embed_lips(frames)
        length = min(length, len(audio) // SAMPLES_PER_FRAME)
        if length < LEAST_FRAMES:
            raise UserError(
                f"expected at least {LEAST_FRAMES} frames with their speech to compare the two, "
                f"found {length}: give a longer clip"
            )
        speech = self._embed_speech(speech_windows(audio, length - FRAMES))
        return np.concatenate(lips)[: len(speech)], speech

    def _embed_lips(self, frames: Iterable[np.ndarray]) -> tuple[list[np.ndarray], int]:
        """In batches, and how many frames there were; no more than a batch of them is held."""
        size, whole = (self.config.image_size,) * 2, BATCH + FRAMES - 1
        found, run, length = [], [], 0
        for frame in frames:
            length += 1
            run.append(frame if frame.shape[:2] == size else cv2.resize(frame, size))
            if len(run) == whole:
                found.append(_lips(self._network, self._variables, np.stack(run)))
                run = run[BATCH:]
        if len(run) >= FRAMES:
            seen = _lips(self._network, self._variables, _filled(np.stack(run), whole))
            found.append(seen[: len(run) - FRAMES + 1])
        return [np.asarray(x) for x in found], length

    def _embed_speech(self, windows: Float[np.ndarray, "n 13 20"]) -> Float[np.ndarray, "n d"]:
        batches = [windows[i : i + BATCH] for i in range(0, len(windows), BATCH)]
        found = [_speech(self._network, self._variables, _filled(x, BATCH)) for x in batches]
        return np.concatenate(found)[: len(windows)]


@functools.partial(jax.jit, static_argnums=0)
def _lips(network: Any, variables: dict, frames: UInt8[Array, "t h w 3"]) -> Float[Array, "n d"]:
    images = frames[None].astype(jnp.float32) / 255.0
    with jax.default_matmul_precision("highest"):  # TF32 would show in the third digit
        return network.apply(variables, images, method="embed_lips")[0]


@functools.partial(jax.jit, static_argnums=0)
def _speech(network: Any, variables: dict, windows: Float[Array, "n 13 20"]) -> Float[Array, "n d"]:
    with jax.default_matmul_precision("highest"):
        return network.apply(variables, windows[..., None], method="embed_audio")


def _filled(values: np.ndarray, length: int) -> np.ndarray:
    return np.pad(values, [(0, length - len(values))] + [(0, 0)] * (values.ndim - 1))


def shift_distances(
    lips: Float[np.ndarray, "n d"], speech: Float[np.ndarray, "n d"], reach: int = REACH
) -> Float[np.ndarray, "n shifts"]:
    """Distance of lips v to speech v + k, for k = -reach ... reach; zeros lie beyond the ends."""
    padded = np.pad(np.asarray(speech, np.float64), ((reach, reach), (0, 0)))
    found = [
        np.linalg.norm(lips - padded[k : k + len(lips)] + _EPSILON, axis=1)
        for k in range(2 * reach + 1)
    ]
    return np.stack(found, axis=1)


def compare(
    lips: Float[np.ndarray, "n d"], speech: Float[np.ndarray, "n d"], reach: int = REACH
) -> Sync:
    """The shift at which embeddings are nearest on average, and how much it stands out."""
    means = shift_distances(lips, speech, reach).mean(0)
    best, middle = int(means.argmin()), float(np.median(means))
    at_best, at_rest = float(means[best]), float(means[reach])
    return Sync(reach - best, middle - at_best, at_best, middle - at_rest)


def load_syncnet(directory: str | Path, kind: str = KIND) -> SyncScore:
    """SyncNet of a weights directory.

    Args:
      kind: KIND, or DEMO.

    Raises:
      UserError: there is none, it is damaged, or holds another network.
    """
    values, variables, _ = load_weights(directory)
    found = values.pop("kind", "something else")
    if found != kind:
        raise UserError(
            f"expected the weights of {kind} in {directory}, found those of '{found}': convert "
            f"syncnet_v2.model (playmate convert {KIND} syncnet_v2.model DIR)"
        )
    config_of, _, shapes = KINDS[kind]
    config = from_values(config_of, values, f"{directory}/config.json")
    check_tree(variables, shapes(config), f"the weights of {kind} in {directory}")
    return SyncScore(config, variables, kind)
