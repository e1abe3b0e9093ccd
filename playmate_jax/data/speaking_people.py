"""Crops of speaking synthetic people with their speech and emotion: what the demo world's own
networks of the metrics (training/demo_metrics.py) are trained and judged on.

    python -m playmate_jax.data.speaking_people runs/speaking/train.npz
    python -m playmate_jax.data.speaking_people runs/speaking/test.npz --seed 52 --clips 48 \\
        --seconds 3 --held-out

Every clip is another person with one emotion, number index % 8, and a voice of its own; held-out
clips have voices that are in no training set, as far as they are installed. Faces are found and
cropped as `playmate evaluate` does it; the face is looked for in every fourth frame. Frames are
drawn at 128 or at 192 pixels by turns. A file depends on its arguments and on which voices are
installed; it holds, for n clips of t frames:

    mouths    (n, t, 64, 64, 3) uint8    around the mouth (faces.mouth_crops)
    faces     (n, k, 64, 64, 3) uint8    boxes of the face, in every eighth frame
    speech    (n, 640 t) int16           at 16 kHz
    emotion   (n,) int32                 number of the emotion
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Int, UInt8

from playmate_jax.errors import UserError
from playmate_jax.faces import Face, Landmarker, TfliteLandmarker, mouth_crops
from playmate_jax.faces.box import boxed
from playmate_jax.motion.layout import EMOTIONS, FPS
from playmate_jax.paths import unfinished
from playmate_jax.synthetic import espeak, human
from playmate_jax.synthetic.clips import clip, pose_of
from playmate_jax.synthetic.draw import draw
from playmate_jax.synthetic.identity import sample_identity

SIZE = 64  # of the crops
SIZES = (128, 192)  # of the images
EVERY, FACE_EVERY = 4, 8  # frames


class SpeakingPeople(NamedTuple):
    """Clips of speaking people; see the module for what each array is."""

    mouths: UInt8[np.ndarray, "n t h w 3"]
    faces: UInt8[np.ndarray, "n k h w 3"]
    speech: Int[np.ndarray, "n s"]
    emotion: Int[np.ndarray, " n"]


def speaking_person(
    seed: int, index: int, seconds: float, voice: str, landmarker: Landmarker
) -> SpeakingPeople | None:
    """Clip number `index`, a set of one; None where a face was not found.

    Args:
      voice: of `synthetic.speech.VOICES`.
    """
    made = clip(seed, index, seconds, voice, emotional=True, varied=False)
    pose = pose_of(made["motion"])
    images = draw(sample_identity(seed, index), made["units"], pose, SIZES[index % len(SIZES)])
    found = _largest(images, landmarker)
    if found is None:
        return None
    kept = [(images[t], face) for t, face in enumerate(found) if face and t % FACE_EVERY == 0]
    boxes = [boxed(image, face, SIZE) for image, face in kept]
    if any(box is None for box in boxes):
        return None
    audio = made["audio"] / max(1.0, float(np.abs(made["audio"]).max()))
    return SpeakingPeople(
        np.stack(list(mouth_crops(images, found, SIZE)))[None],
        np.stack([box for box in boxes if box is not None])[None],
        (audio * 32767).round().astype(np.int16)[None],
        np.array([index % len(EMOTIONS)], np.int32),
    )


def _largest(images: np.ndarray, landmarker: Landmarker) -> list[Face | None] | None:
    """The face of every fourth frame and of the last one, None between; None where one is not
    found."""
    found: list[Face | None] = [None] * len(images)
    for t in {*range(0, len(images), EVERY), len(images) - 1}:
        faces = landmarker.detect(images[t])
        if not faces:
            return None
        found[t] = faces[0]
    return found


def speaking_people(
    seed: int, clips: int, seconds: float, held_out: bool, landmarker: Landmarker
) -> SpeakingPeople:
    """The first clips of a stream, those without a face left out; a line for each 20 is printed.

    Raises:
      UserError: no clip shows a face.
    """
    made = []
    for index in range(clips):
        one = speaking_person(seed, index, seconds, _voice(index, held_out), landmarker)
        if one is not None:
            made.append(one)
        if (index + 1) % 20 == 0:
            print(f"{index + 1} of {clips} clips, {len(made)} with a face", file=sys.stderr)
    if not made:
        raise UserError(f"expected faces in {clips} clips, found none: ask for more --clips")
    return SpeakingPeople(*(np.concatenate(arrays) for arrays in zip(*made, strict=True)))


def _voice(index: int, held_out: bool) -> str:
    """A voice of a clip: "mix", or by turns of those that are held out and installed."""
    if not held_out:
        return "mix"
    installed = [
        name for name, there in (
            ("formant", True),
            ("espeak_held_out", espeak.available()),
            ("human_held_out", human.available(held_out=True)),
        ) if there
    ]  # fmt: skip
    return installed[index // len(EMOTIONS) % len(installed)]  # each with all emotions


def read_people(path: str | Path) -> SpeakingPeople:
    """The clips of a file.

    Raises:
      UserError: it is missing, damaged or another file.
    """
    try:
        with np.load(path, allow_pickle=False) as held:
            return SpeakingPeople(*(held[name] for name in SpeakingPeople._fields))
    except (OSError, ValueError, KeyError):
        raise UserError(
            f"expected clips of speaking people in '{path}', found none: make them with 'python "
            "-m playmate_jax.data.speaking_people' (configs/demo_sync.py shows how)"
        ) from None


def main(argv: Sequence[str] | None = None) -> None:
    """Command line: makes clips with `speaking_people` and writes their file."""
    parser = argparse.ArgumentParser(description="Make crops of speaking synthetic people.")
    parser.add_argument("path", type=Path)
    parser.add_argument("--seed", type=int, default=51)
    parser.add_argument("--clips", type=int, default=240)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--held-out", action="store_true", help="voices in no training set")
    parser.add_argument("--face-models", help="folder of the face model files")
    args = parser.parse_args(argv)
    frames = round(args.seconds * FPS)
    landmarker = TfliteLandmarker(args.face_models)
    made = speaking_people(args.seed, args.clips, frames / FPS, args.held_out, landmarker)
    args.path.parent.mkdir(parents=True, exist_ok=True)
    part = unfinished(args.path)
    try:
        np.savez(part, allow_pickle=False, **made._asdict())
        os.replace(part, args.path)
    finally:
        part.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
