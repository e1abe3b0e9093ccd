"""Boxes of synthetic faces that show all eight emotions: what the demo world's own classifier
(training/demo_metrics.py) is trained on.

    python -m playmate_jax.data.emotional_faces runs/speaking/emotions.npz --processes 2

Every person speaks for a second with each emotion, head moving, at another intensity each time; a
frame of the second half is kept. Between two emotions of one person nothing else that is lasting
changes, so that a classifier has little to learn from who somebody is. Faces are found and cropped
as `playmate evaluate` does it. A file depends on its arguments alone, not on `--processes`. It
holds, for n clips of k frames (k = 1 here):

    faces     (n, k, 64, 64, 3) uint8    boxes of the face
    emotion   (n,) int32                 number of the emotion

A file of speaking people (data/speaking_people.py) holds the same, and is read as well.
"""

import argparse
import multiprocessing
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Int, UInt8
from tqdm import tqdm

from playmate_jax.data.speaking_people import SIZE, SIZES
from playmate_jax.errors import UserError
from playmate_jax.faces import Landmarker, TfliteLandmarker
from playmate_jax.faces.box import boxed
from playmate_jax.motion.layout import EMOTIONS
from playmate_jax.paths import unfinished
from playmate_jax.synthetic.clips import clip, pose_of
from playmate_jax.synthetic.draw import draw
from playmate_jax.synthetic.identity import sample_identity


class EmotionalFaces(NamedTuple):
    """Clips of faces and the emotion of each; see the module."""

    faces: UInt8[np.ndarray, "n k h w 3"]
    emotion: Int[np.ndarray, " n"]


def emotional_person(seed: int, person: int, landmarker: Landmarker) -> EmotionalFaces:
    """One person with all emotions; those where no face is found are left out."""
    rng = np.random.default_rng([seed, person, 0xE30])
    size = SIZES[person % len(SIZES)]
    faces, shown = [np.empty((0, 1, SIZE, SIZE, 3), np.uint8)], []
    for emotion in range(len(EMOTIONS)):
        index = person * len(EMOTIONS) + emotion
        made = clip(
            seed, index, 1.0, "formant", emotional=True, augment=False, varied=False, person=person
        )
        t = int(rng.integers(len(made["units"]) // 2, len(made["units"])))
        pose = pose_of(made["motion"][t : t + 1])
        (image,) = draw(sample_identity(seed, person), made["units"][t : t + 1], pose, size)
        found = landmarker.detect(image)
        box = boxed(image, found[0], SIZE) if found else None
        if box is not None:
            faces.append(box[None, None])
            shown.append(emotion)
    return EmotionalFaces(np.concatenate(faces), np.array(shown, np.int32))


def emotional_faces(
    seed: int, people: int, processes: int = 1, face_models: str | None = None
) -> EmotionalFaces:
    """The first people of a stream, with a progress bar on standard error.

    Raises:
      UserError: no face is found.
    """
    one = partial(_one, seed, face_models)
    with _mapped(processes) as mapped:
        made = list(tqdm(mapped(one, range(people)), "drawing", people, unit=" people"))
    if not sum(len(person.emotion) for person in made):
        raise UserError(f"expected faces of {people} people, found none: ask for more --people")
    return EmotionalFaces(*(np.concatenate(arrays) for arrays in zip(*made, strict=True)))


@contextmanager
def _mapped(processes: int) -> Iterator:
    """`map`, in this process or in several, in order."""
    if processes == 1:
        yield map
    else:
        with multiprocessing.get_context("spawn").Pool(processes) as pool:
            yield partial(pool.imap, chunksize=4)


@cache
def _landmarker(face_models: str | None) -> Landmarker:
    """The landmarker of this process, made at its first use."""
    return TfliteLandmarker(face_models)


def _one(seed: int, face_models: str | None, person: int) -> EmotionalFaces:
    return emotional_person(seed, person, _landmarker(face_models))


def read_faces(path: str | Path) -> EmotionalFaces:
    """The faces of a file, of this module's or of data/speaking_people.py's.

    Raises:
      UserError: it is missing, damaged or another file.
    """
    try:
        with np.load(path, allow_pickle=False) as held:
            return EmotionalFaces(*(held[name] for name in EmotionalFaces._fields))
    except (OSError, ValueError, KeyError):
        raise UserError(
            f"expected faces with emotions in '{path}', found none: make them with 'python -m "
            "playmate_jax.data.emotional_faces' (configs/demo_emotion.py shows how)"
        ) from None


def main(argv: Sequence[str] | None = None) -> None:
    """Command line: draws faces with `emotional_faces` and writes their file."""
    parser = argparse.ArgumentParser(description="Draw synthetic faces that show emotions.")
    parser.add_argument("path", type=Path)
    parser.add_argument("--seed", type=int, default=53)
    parser.add_argument("--people", type=int, default=1600)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--face-models", help="folder of the face model files")
    args = parser.parse_args(argv)
    made = emotional_faces(args.seed, args.people, args.processes, args.face_models)
    args.path.parent.mkdir(parents=True, exist_ok=True)
    part = unfinished(args.path)
    try:
        np.savez(part, allow_pickle=False, **made._asdict())
        os.replace(part, args.path)
    finally:
        part.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
