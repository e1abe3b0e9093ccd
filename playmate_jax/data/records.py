"""What a training clip is: the unit that preparation makes and the training pipelines read.

A clip is one person speaking for 3 to 30 s: sound, motion and speech features at 25 fps, some of
its frames as JPEG, and what is known of it. Data sets on disk hold clips in three forms:

    talking_clips    sound, motion, features, labels     stages 1 and 2
    portrait_pairs   frames with their motion            face space
    drawn_faces      both, and the truth behind them     every stage; throughput experiments

`features_of(kind)` says what a record holds, in the words of TFDS; `record_of(kind, clip)` makes
one. Shards are written by `shards.py` and read by `record_source.py`.
"""

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float, Int

from playmate_jax.motion.layout import EMOTIONS, MOTION_SIZE

if TYPE_CHECKING:
    from tensorflow_datasets.core.features import FeaturesDict

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
      frames: JPEG images of the face crop, n of them.
      rows: which frames of the clip they are, rising.
      landmarks: the mesh's 468 points in each of them, in pixels of the image; or none (m = 0).
      image_motion: motion as it is seen in each of `frames`; None: that of the clip's frames.
      truth: of synthetic faces alone: "units" (t, 18), "emotions" (t, 8), "phonemes" (p, 3) and
        "person" (2,); `features_of` says what they are.
    """

    id: str
    source: str
    speaker: str
    dataset: str
    split: str
    audio: Int[np.ndarray, " s"]
    motion: Float[np.ndarray, "t 70"]
    features: Float[np.ndarray, "t f"]
    identity: Float[np.ndarray, " 63"]
    emotion: int = NO_EMOTION
    intensity: float = 0.0
    language: str = ""
    quality: Mapping[str, float] = dataclasses.field(default_factory=dict)
    frames: tuple[bytes, ...] = ()
    rows: Int[np.ndarray, " n"] = dataclasses.field(default_factory=lambda: np.zeros(0, np.int32))
    landmarks: Float[np.ndarray, "m 468 2"] = dataclasses.field(
        default_factory=lambda: np.zeros((0, 468, 2), np.float16)
    )
    truth: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)
    image_motion: Float[np.ndarray, "n 70"] | None = None


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


def features_of(kind: str, speech_size: int = 768, image_size: int = 256) -> "FeaturesDict":
    """The documented TFDS features of one kind of data set.

    Arrays are stored as their bytes, which writes and reads several times faster than TFDS's lists
    of numbers, and images as the JPEG files they came as: nothing here needs TensorFlow.

    Args:
      speech_size: numbers a frame of the speech front end: 768 for wav2vec2, 96 for log-mel.
      image_size: side of the images in pixels.
    """
    from tensorflow_datasets.core import features as tfds

    def array(dtype: type, *shape: int | None, doc: str) -> tfds.Tensor:
        return tfds.Tensor(shape=shape, dtype=dtype, encoding="bytes", doc=doc)

    image = tfds.Image(shape=(image_size, image_size, 3), encoding_format="jpeg")
    labels = {
        "id": tfds.Text(doc="name of the clip: unique in its data set, and stable"),
        "source": tfds.Text(doc="file or address, and the span in seconds, for people"),
        "speaker": tfds.Text(doc="who speaks; no speaker is in two splits"),
        "dataset": tfds.Text(doc="where it comes from: mead, avspeech, ..., folder, drawn"),
        "emotion": tfds.ClassLabel(names=EMOTIONS, doc="asked for in the clip; -1: not labelled"),
        "intensity": tfds.Scalar(np.float32, doc="of the emotion, 0 to 1"),
        "language": tfds.Text(doc="as the data set names it; empty where it does not"),
        "identity": array(np.float32, 63, doc="21 canonical keypoints (x_c of Eq. 1), x y z each"),
        "quality": tfds.Sequence(
            {
                "score": tfds.Text(doc="what was measured"),
                "value": tfds.Scalar(np.float32, doc="how much of it was found"),
            },
            doc="what the quality filters looked at, by name",
        ),
    }
    motion = (
        "25 rows a second of 63 expression numbers (delta of Eq. 1), scale, translation x y z and "
        "pitch, yaw, roll in degrees: keypoints are scale * (x_c R + delta) + translation"
    )
    speech = {
        "audio": array(np.int16, None, doc="mono sound at 16 kHz; 640 samples a row of motion"),
        "features": array(np.float16, None, speech_size, doc="of the speech encoder at 25 Hz"),
    }
    images = {
        "frames": tfds.Sequence(image, doc="JPEG images of the face crop, RGB"),
        "rows": array(np.int32, None, doc="which 25 Hz frame of the clip each image is, rising"),
        "landmarks": array(
            np.float16, None, 468, 2, doc="mesh points x y in pixels of each image, or no row"
        ),
    }
    truth = {
        "units": array(
            np.float32, None, 18, doc="action units of each row (synthetic/expression.py)"
        ),
        "emotions": array(np.float32, None, 8, doc="weights times intensity asked for at each row"),
        "phonemes": array(
            np.float32, None, 3, doc="place in the table of phonemes, start and end in seconds"
        ),
        "person": array(
            np.int64, 2, doc="arguments of sample_identity: who to draw for truth of every pixel"
        ),
    }
    every_row = {"motion": array(np.float32, None, MOTION_SIZE, doc=motion)}
    stored_rows = {"motion": array(np.float32, None, MOTION_SIZE, doc=f"of each image: {motion}")}
    kinds: dict[str, dict[str, Any]] = {
        "talking_clips": labels | every_row | speech,
        "portrait_pairs": labels | stored_rows | images,
        "drawn_faces": labels
        | every_row
        | speech
        | images
        | {"truth": tfds.FeaturesDict(truth, doc="what drew and spoke the clip")},
    }
    return tfds.FeaturesDict(kinds[kind])


def record_of(kind: str, clip: Clip) -> dict[str, Any]:
    """What `features_of(kind)` encodes: a clip's share in one kind of data set."""
    names = sorted(clip.quality)
    record: dict[str, Any] = {
        name: getattr(clip, name)
        for name in ("id", "source", "speaker", "dataset", "emotion", "intensity", "language")
    }
    record["identity"] = np.asarray(clip.identity, np.float32)
    record["quality"] = {"score": names, "value": [float(clip.quality[name]) for name in names]}
    motion = np.asarray(clip.motion, np.float32)
    rows = np.asarray(clip.rows, np.int32)
    if kind == "portrait_pairs":
        motion = motion[rows] if clip.image_motion is None else clip.image_motion
    record["motion"] = np.asarray(motion, np.float32)
    if kind != "portrait_pairs":
        record["audio"] = np.asarray(clip.audio, np.int16)
        record["features"] = np.asarray(clip.features, np.float16)
    if kind != "talking_clips":
        if len(rows) != len(clip.frames):
            raise ValueError(f"{clip.id}: {len(clip.frames)} images, but {len(rows)} rows")
        record["frames"], record["rows"] = list(clip.frames), rows
        record["landmarks"] = np.asarray(clip.landmarks, np.float16)
    if kind == "drawn_faces":
        dtypes = {"person": np.int64}
        record["truth"] = {
            name: np.asarray(value, dtypes.get(name, np.float32))
            for name, value in clip.truth.items()
        }
    return record
