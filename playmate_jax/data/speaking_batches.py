"""Batches of crops of speaking people, changed at random: what the demo world's own networks of the
metrics train on. Batch n follows from (seed, n) and the clips alone."""

from collections.abc import Iterator
from typing import TypedDict

import cv2
import numpy as np
from jaxtyping import Float32, Int, UInt8

from playmate_jax.data.batches import ALONE, Leaf, Loading, block_of
from playmate_jax.data.emotional_faces import EmotionalFaces
from playmate_jax.data.speaking_people import SpeakingPeople
from playmate_jax.errors import UserError
from playmate_jax.models.syncnet import FRAMES
from playmate_jax.models.syncnet_speech import speech_windows

WINDOWS = 16  # of a clip, at random times
LEAST = WINDOWS + FRAMES  # frames of a clip
_TURN_DEG, _ZOOM, _MOVE = 4.0, 0.1, 3.0  # largest change of a crop; pixels of 64


class SpeakingBatch(TypedDict):
    """n windows of b clips: their mouth crops, and their cepstra."""

    lips: UInt8[Leaf, "b n 5 h w 3"]
    speech: Float32[Leaf, "b n 13 20"]


class EmotionBatch(TypedDict):
    """b faces, and the number of the emotion that each shows."""

    face: UInt8[Leaf, "b h w 3"]
    emotion: Int[Leaf, " b"]


def speaking_batches(
    people: SpeakingPeople,
    size: int,
    seed: int,
    start: int,
    loading: Loading = ALONE,
    different: int = 64,
) -> Iterator[SpeakingBatch]:
    """Batches start, start + 1, ... of `size` clips, of which a process makes its block.

    Args:
      different: so many batches are made once and kept, 1 MB a clip, and then come again: making
        one takes ten times as long as a step of the network that learns from it.

    Raises:
      UserError: clips are too short, or the processes cannot share a batch evenly.
    """
    own, length = block_of(size, loading), people.mouths.shape[1]
    if length < LEAST:
        raise UserError(
            f"expected clips of {LEAST} frames or more, found {length}: make longer ones "
            "(--seconds)"
        )
    n, made = start, dict[int, SpeakingBatch]()
    while True:
        number = n % different
        if number not in made:
            rngs = np.random.default_rng([seed, number]).spawn(size)[own]
            lips, speech = zip(*(_speaking(people, rng) for rng in rngs))
            made[number] = {"lips": np.stack(lips), "speech": np.stack(speech)}
        yield made[number]
        n += 1


def emotion_batches(
    people: EmotionalFaces, size: int, seed: int, start: int, loading: Loading = ALONE
) -> Iterator[EmotionBatch]:
    """Batches start, start + 1, ... of `size` faces, of which a process makes its block.

    Raises:
      UserError: the processes cannot share a batch evenly.
    """
    own, n = block_of(size, loading), start
    while True:
        rngs = np.random.default_rng([seed, n]).spawn(size)[own]
        at = [tuple(rng.integers(people.faces.shape[:2])) for rng in rngs]
        faces = [changed(people.faces[i][None], rng)[0] for i, rng in zip(at, rngs)]
        emotions = people.emotion[[clip for clip, _ in at]].astype(np.int32)
        yield {"face": np.stack(faces), "emotion": emotions}
        n += 1


def _speaking(people: SpeakingPeople, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Windows of one clip, all changed alike, and its speech at a random level."""
    clip, length = int(rng.integers(len(people.mouths))), people.mouths.shape[1]
    # The last window of frames is left out: its cepstra need samples behind the clip.
    at = np.sort(rng.choice(length - FRAMES, WINDOWS, replace=False))
    frames = np.unique(at[:, None] + np.arange(FRAMES))
    crops = changed(people.mouths[clip, frames], rng, flip=bool(rng.random() < 0.5))
    lips = crops[np.searchsorted(frames, at[:, None] + np.arange(FRAMES))]
    level = np.exp(rng.uniform(-1.5, 0.3))
    louder = np.clip(people.speech[clip] * level, -32768, 32767).round().astype(np.int16)
    return lips, speech_windows(louder, length - FRAMES)[at]


def changed(
    images: UInt8[np.ndarray, "t h w 3"], rng: np.random.Generator, flip: bool = False
) -> UInt8[np.ndarray, "t h w 3"]:
    """Images turned, zoomed, moved, blurred, recoloured and with noise, all of them alike: crops of
    other landmarks, renderers and codecs."""
    side = images.shape[1]
    turn = cv2.getRotationMatrix2D(
        (side / 2, side / 2), rng.uniform(-_TURN_DEG, _TURN_DEG), np.exp(rng.normal(0, _ZOOM / 2))
    )
    turn[:, 2] = turn[:, 2] + rng.uniform(-_MOVE, _MOVE, 2)
    blur = rng.uniform(0.3, 1.3) if rng.random() < 0.6 else 0.0
    gain, shift = 1 + rng.normal(0, 0.12, 3), rng.normal(0, 10, 3)
    levels = np.arange(256)[None, :, None] * gain + shift
    table = np.clip(levels, 0, 255).astype(np.uint8)
    most = int(rng.integers(1, 8))
    grain = rng.integers(-most, most, images.shape[1:], dtype=np.int16)
    result = np.empty_like(images)
    for t, image in enumerate(images[:, :, ::-1] if flip else images):
        x = cv2.warpAffine(
            np.ascontiguousarray(image), turn, (side, side), borderMode=cv2.BORDER_REPLICATE
        )
        x = cv2.LUT(cv2.GaussianBlur(x, (0, 0), blur) if blur else x, table)
        result[t] = cv2.add(x, np.roll(grain, 7 * t, 0), dtype=cv2.CV_8U)
    return result
