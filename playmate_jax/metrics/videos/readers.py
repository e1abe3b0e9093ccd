"""What looks at the frames of one video, one after the other, and says something at its end.

A reader is shown every frame (`see`) and then asked (`finish`) for one array: features of a
network, a strip of images, or changes from frame to frame.
"""

import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple
from typing import Protocol as Interface

import cv2
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, UInt8

from playmate_jax.faces import Face
from playmate_jax.faces.box import boxed
from playmate_jax.faces.five_points import five_points, similarity
from playmate_jax.metrics.videos.networks import Batches, Network, load_network
from playmate_jax.metrics.videos.protocol import Protocol
from playmate_jax.metrics.videos.resizing import inception_input, resize
from playmate_jax.metrics.videos.video import aligned
from playmate_jax.models.inception import SIZE as INCEPTION_SIZE

NETWORK_OF = {
    "inception": "fid-inception", "i3d": "i3d", "arcface": "arcface",
    "emotion": "emotion-efficientnet", "demo_emotion": "demo-emotion",
}  # fmt: skip
BATCH, WINDOWS = 16, 2  # images, and videos of 16 frames: one compiled program each
SHOWN, THUMBNAIL = 6, 128  # images of a strip, and their side


class Seen(NamedTuple):
    """A frame of a video.

    Attributes:
      frame: all of it.
      image: the protocol's square of it.
      face: with landmarks in the frame's pixels; None where none was found.
    """

    t: int
    frame: UInt8[np.ndarray, "h w 3"]
    image: UInt8[np.ndarray, "size size 3"]
    face: Face | None


class Reader(Interface):
    """Is shown every frame, and asked for one array at the end."""

    def see(self, seen: Seen) -> None:
        """Takes what it needs of a frame."""

    def finish(self) -> np.ndarray:
        """The array of the video that was seen; afterwards another one may begin."""


class NetworkReader:
    """The network's output for what is chosen of the frames, a row each; NaN where nothing was.

    Args:
      choose: a frame -> the network's input, or None.
      function: inputs (b, ...) -> (b, d).
      every: only each so many frames get a row.
    """

    def __init__(
        self,
        choose: Callable[[Seen], np.ndarray | None],
        function: Callable[..., Array],
        batch: int,
        every: int = 1,
    ):
        self._choose, self._every = choose, every
        self._batches = Batches(function, batch)
        self._rows, self._at = 0, list[int]()

    def see(self, seen: Seen) -> None:
        """Puts what is chosen of the frame into the next batch."""
        if seen.t % self._every:
            return
        chosen = self._choose(seen)
        if chosen is not None:
            self._batches.add(chosen)
            self._at.append(self._rows)
        self._rows += 1

    def finish(self) -> Float[np.ndarray, "n d"]:
        """A row for every frame that was looked at.

        Raises:
          UserError: nothing was chosen, or the network gave NaN.
        """
        rows, at, self._rows, self._at = self._rows, self._at, 0, []
        found = self._batches.result()
        result = np.full((rows, found.shape[1]), np.nan, np.float32)
        result[at] = found
        return result


class WindowReader(NetworkReader):
    """The network's output for windows of frames that do not overlap; an incomplete one at the end
    is left out."""

    def __init__(self, function: Callable[..., Array], length: int):
        self._window: list[np.ndarray] = []
        super().__init__(self._whole, function, WINDOWS)
        self._length = length

    def see(self, seen: Seen) -> None:
        """Gathers a window, and puts it into the next batch when it is complete."""
        if seen.t % self._length == 0:
            self._window = []
        self._window.append(seen.image)
        if len(self._window) == self._length:
            super().see(seen)

    def _whole(self, seen: Seen) -> np.ndarray:
        return np.stack(self._window)


class ChangeReader:
    """Mean absolute difference of each image from the one before, in grey levels."""

    def __init__(self) -> None:
        self._before: np.ndarray | None = None
        self._changes: list[float] = []

    def see(self, seen: Seen) -> None:
        """Compares the image with the one before."""
        if seen.t and self._before is not None:
            self._changes.append(float(cv2.absdiff(seen.image, self._before).mean()))
        self._before = seen.image

    def finish(self) -> Float[np.ndarray, " n"]:
        """One number less than there were frames."""
        changes, self._changes = np.array(self._changes, np.float32), []
        return changes


class StripReader:
    """A few images of the video side by side, evenly spread over `frames`."""

    def __init__(self, frames: int):
        self._moments = set(np.linspace(0, max(0, frames - 1), SHOWN).round().astype(int).tolist())
        self._shown: list[np.ndarray] = []

    def see(self, seen: Seen) -> None:
        """Keeps the image small where it is one of them."""
        if seen.t in self._moments:
            size = (THUMBNAIL, THUMBNAIL)
            self._shown.append(cv2.resize(seen.image, size, interpolation=cv2.INTER_AREA))

    def finish(self) -> UInt8[np.ndarray, "h w 3"]:
        """Always as wide: what is missing at the end is grey."""
        grey = np.full((THUMBNAIL, THUMBNAIL, 3), 128, np.uint8)
        return np.concatenate([*self._shown, *[grey] * (SHOWN - len(self._shown))], 1)


MakeReader = Callable[[], Reader]


def network_readers(
    groups: list[str], folders: Mapping[str, Path], protocol: Protocol
) -> dict[str, MakeReader]:
    """What makes a reader for one video, for those groups that have a network; functions are
    compiled once for all videos.

    Args:
      folders: weights by kind.

    Raises:
      UserError: weights are damaged or do not fit.
    """
    makers = {
        "inception": _inception, "i3d": _i3d, "arcface": _arcface, "emotion": _emotion,
        "demo_emotion": _emotion,
    }  # fmt: skip
    return {
        group: makers[group](load_network(kind, folders[kind]), protocol)
        for group, kind in NETWORK_OF.items()
        if group in groups
    }


def _inception(network: Network, protocol: Protocol) -> MakeReader:
    convert = functools.partial(inception_input, convention=protocol.fid, size=INCEPTION_SIZE)
    function = jax.jit(lambda images: network.apply(convert(images)))
    return functools.partial(
        NetworkReader, lambda seen: seen.image, function, BATCH, protocol.every
    )


def _i3d(network: Network, protocol: Protocol) -> MakeReader:
    @jax.jit
    def function(videos: UInt8[Array, "b t h w 3"]) -> Float[Array, "b d"]:
        pixels = videos.astype(jnp.float32) / 255.0
        return network.apply(resize(pixels, "bilinear", protocol.fvd_size))

    return functools.partial(WindowReader, function, protocol.fvd_frames)


def _arcface(network: Network, protocol: Protocol) -> MakeReader:
    size, unit = network.config.image_size, network.config.image_size / 112

    def choose(seen: Seen) -> np.ndarray | None:
        if seen.face is None:
            return None
        return aligned(seen.frame, np.asarray(_turn(seen.face.points)) * unit, size)

    return functools.partial(NetworkReader, choose, _of_images(network), BATCH, protocol.every)


def _emotion(network: Network, protocol: Protocol) -> MakeReader:
    size = network.config.image_size

    def choose(seen: Seen) -> np.ndarray | None:
        return None if seen.face is None else boxed(seen.frame, seen.face, size)

    return functools.partial(NetworkReader, choose, _of_images(network), BATCH, protocol.every)


def _of_images(network: Network) -> Callable[..., Array]:
    return jax.jit(lambda images: network.apply(images.astype(jnp.float32) / 255.0))


@jax.jit
def _turn(points: Float[Array, "468 2"]) -> Float[Array, "2 3"]:
    """ArcFace's matrix of a face; it counts from the first pixel's centre."""
    return similarity(five_points(points[None] - 0.5))[0]
