"""What a training clip is: the unit that preparation makes and the training pipelines read.

A clip is one person speaking for 3 to 30 s: sound, motion and speech features at 25 fps, some of
its frames as JPEG, and what is known of it. Data sets on disk hold clips in three forms:

    talking_clips    sound, motion, features, labels     stages 1 and 2
    portrait_pairs   frames with their motion            face space
    drawn_faces      both, and the truth behind them     every stage; throughput experiments
"""

import dataclasses
from collections.abc import Mapping

import numpy as np
from jaxtyping import Float, Int

DATA_SETS = ("talking_clips", "portrait_pairs", "drawn_faces")
SPLITS = ("train", "validation", "test")
VERSION = "1.0.0"  # of the records: raise it when what is stored changes
NO_EMOTION = -1  # the label of a clip that has none


@dataclasses.dataclass(frozen=True)
class Clip:
    """One prepared clip.

    Attributes:
      id: unique in its data set, and stable: the same file gives the same id.
      source: where it comes from, for people: a path or an address, and the span in seconds.
      speaker: who speaks; no speaker is in two splits.
      dataset: "mead", "avspeech", ..., "folder", "drawn".
      split: "train", "validation" or "test".
      audio: mono 16 kHz; 640 samples a frame.
      motion: the 70 numbers of motion/layout.py.
      features: of the speech encoder, a row a frame.
      identity: canonical keypoints (f_id).
      emotion: index into `motion.layout.EMOTIONS`, or `NO_EMOTION`.
      intensity: of the emotion, 0 to 1.
      language: as the data set names it, "" where it does not.
      quality: the scores that the filters looked at.
      frames: JPEG pictures of the face crop, n of them.
      rows: which frames of the clip they are, rising.
      landmarks: the mesh's 468 points in each of them, in pixels of the picture.
      truth: of drawn faces alone: "units" (t, 18), "emotions" (t, 8), "phonemes" (p, 3).
    """

    id: str
    source: str
    speaker: str
    dataset: str
    split: str
    audio: Int[np.ndarray, "s"]
    motion: Float[np.ndarray, "t 70"]
    features: Float[np.ndarray, "t f"]
    identity: Float[np.ndarray, "63"]
    emotion: int = NO_EMOTION
    intensity: float = 0.0
    language: str = ""
    quality: Mapping[str, float] = dataclasses.field(default_factory=dict)
    frames: tuple[bytes, ...] = ()
    rows: Int[np.ndarray, "n"] = dataclasses.field(default_factory=lambda: np.zeros(0, np.int32))
    landmarks: Float[np.ndarray, "n 468 2"] = dataclasses.field(
        default_factory=lambda: np.zeros((0, 468, 2), np.float16)
    )
    truth: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Dropped:
    """A file or a clip that did not make it, and why.

    Attributes:
      id: of the clip, or of the source where no clip was cut yet.
      source: as in `Clip`.
      stage: which step of the preparation gave it up: "probe", "track", "quality", ...
      reason: one sentence for people.
      quality: the scores that were known by then.
    """

    id: str
    source: str
    stage: str
    reason: str
    quality: Mapping[str, float] = dataclasses.field(default_factory=dict)
