"""Quality scores of a clip, and the thresholds that they have to meet.

Every score has a unit and can be checked against the image or the sound. Pose comes from the
three-dimensional landmarks of the mesh, not from M, so that it is in degrees with any weights.
"""

import dataclasses
from collections.abc import Iterator, Mapping

import cv2
import numpy as np
from jaxtyping import Float, Int, UInt8

from playmate_jax.errors import UserError
from playmate_jax.faces import face_square, head_angles
from playmate_jax.faces.openness import lip_openness
from playmate_jax.motion.layout import SAMPLES_PER_FRAME
from playmate_jax.prepare.crops import Crops
from playmate_jax.prepare.pieces import Piece
from playmate_jax.prepare.silences import loudness_db

_FACE_SIDE = 128  # pixels at which blur is judged
_SILENT_DB = 30.0  # under the clip's loud level: pauses and the room
_FULL_SCALE = 32767 * 0.999


@dataclasses.dataclass(frozen=True)
class QualityConfig:
    """A clip is kept when no score is under its `least_` or over its `most_`.

    Attributes:
      least_face_px: side of the face, brows to chin or temple to temple, in the video's pixels.
      least_blur: variance of the Laplacian of the face at 128 pixels; less is out of focus, or
        enlarged.
      least_brightness, most_brightness: mean luma of the face, 0 to 255.
      most_pitch_deg, most_yaw_deg, most_roll_deg: of the head, 95th percentile over frames.
      most_faces: mean number of faces of at least a quarter of the speaker's size.
      least_seen: share of frames in which the face was found.
      least_presence: the mesh's probability that this is a face, 5th percentile over frames; a hand
        or a microphone before the mouth lowers it.
      most_travel: distance of the face from its median place in M's crop, in sides of the crop.
      least_lips: standard deviation of lip openness, in lengths of the nose; near 0 for a
        photograph or a silent listener.
      least_level_db: level of the loud parts of the sound, in dB of full scale.
      most_clipping: share of samples at full scale.
      most_silence: share of frames 30 dB under the loud parts.
      least_sync: SyncNet's confidence (Sync-C); needs SyncNet's weights.
      most_sync_offset: frames between lips and speech, as SyncNet measures them; three are 120 ms,
        from which on viewers notice lips that come too early.
    """

    least_face_px: float = 64.0
    least_blur: float = 12.0
    least_brightness: float = 40.0
    most_brightness: float = 225.0
    most_pitch_deg: float = 40.0
    most_yaw_deg: float = 50.0
    most_roll_deg: float = 40.0
    most_faces: float = 1.2
    least_seen: float = 0.95
    least_presence: float = 0.7
    most_travel: float = 0.25
    least_lips: float = 0.01
    least_level_db: float = -45.0
    most_clipping: float = 0.005
    most_silence: float = 0.7
    least_sync: float = 1.5
    most_sync_offset: float = 2.0

    def __post_init__(self):
        for name, value in dataclasses.asdict(self).items():
            if not np.isfinite(value):
                raise UserError(f"expected the threshold {name} as a number, found {value}")
        if self.least_brightness >= self.most_brightness:
            raise UserError(
                f"expected least_brightness under most_brightness, found {self.least_brightness} "
                f"and {self.most_brightness}: correct the thresholds"
            )


def scores(piece: Piece, crops: Crops, audio: Int[np.ndarray, "s"]) -> dict[str, float]:
    """All scores of a clip except `sync` and `sync_offset`, by name."""
    return {**image_scores(piece, crops), **sound_scores(audio)}


def image_scores(piece: Piece, crops: Crops) -> dict[str, float]:
    """The scores of the face's track and of its crops, by name."""
    seen = piece.seen
    sizes = [face_square(face, scale=1.0, rotate=False).side for face in seen]
    angles = np.abs([head_angles(face) for face in seen])
    pitch, yaw, roll = np.percentile(angles, 95, axis=0)
    within = np.array([
        (face.points.mean(0) - (square.x, square.y)) / square.side
        for face, square in zip(piece.faces, crops.squares, strict=True)
        if face is not None
    ])  # fmt: skip
    travel = np.percentile(np.hypot(*(within - np.median(within, axis=0)).T), 99)
    blurs, lumas = zip(*map(_face_look, crops.frames, crops.landmarks), strict=True)
    return {
        "face_px": float(np.median(sizes)),
        "blur": float(np.median(blurs)),
        "brightness": float(np.mean(lumas)),
        "pitch_deg": float(pitch),
        "yaw_deg": float(yaw),
        "roll_deg": float(roll),
        "faces": float(np.mean(piece.counts or [1])),
        "seen": len(seen) / len(piece.faces),
        "presence": float(np.percentile([face.presence for face in seen], 5)),
        "travel": float(travel),
        "lips": float(np.std([lip_openness(face.landmarks) for face in seen])),
    }


def sound_scores(audio: Int[np.ndarray, "s"]) -> dict[str, float]:
    """The scores of int16 samples, by name: level, clipping and silence."""
    level = loudness_db(audio[: len(audio) // SAMPLES_PER_FRAME * SAMPLES_PER_FRAME] / 32768)
    loud = float(np.percentile(level, 90))
    return {
        "level_db": loud,
        "clipping": float(np.mean(np.abs(audio.astype(np.int32)) >= _FULL_SCALE)),
        "silence": float(np.mean(level < loud - _SILENT_DB)),
    }


def _face_look(
    frame: UInt8[np.ndarray, "h w 3"], landmarks: Float[np.ndarray, "468 2"]
) -> tuple[float, float]:
    """Sharpness and brightness of the face in an aligned crop."""
    low = np.clip(np.floor(landmarks.min(0)).astype(int), 0, len(frame) - 2)
    high = np.clip(np.ceil(landmarks.max(0)).astype(int), low + 2, len(frame))
    face = frame[low[1] : high[1], low[0] : high[0]]
    method = cv2.INTER_AREA if min(face.shape[:2]) > _FACE_SIDE else cv2.INTER_LINEAR
    small = cv2.resize(face, (_FACE_SIDE, _FACE_SIDE), interpolation=method)
    luma = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)
    return float(cv2.Laplacian(luma, cv2.CV_64F).var()), float(luma.mean())


def failures(scores: Mapping[str, float], config: QualityConfig) -> list[str]:
    """A phrase for every threshold that a clip misses; none for a clip to keep."""
    return list(_failures(scores, config))


def _failures(scores: Mapping[str, float], config: QualityConfig) -> Iterator[str]:
    for field in dataclasses.fields(config):
        kind, _, name = field.name.partition("_")
        limit = getattr(config, field.name)
        if name not in scores:
            continue
        if kind == "least" and not scores[name] >= limit:
            yield f"{name} {scores[name]:.4g} is under {limit:g}"
        if kind == "most" and not scores[name] <= limit:
            yield f"{name} {scores[name]:.4g} is over {limit:g}"
