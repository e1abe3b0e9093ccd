"""What landmarks and sound say about a talking head, without any weights.

Landmarks are the mesh's 468 points of every frame at 25 fps, (t, 468, 3) in pixels, NaN where the
face was not seen. Each function takes a whole clip, and gives NaN where it cannot tell.
"""

import numpy as np
from jaxtyping import Bool, Float

from playmate_jax.faces import head_angles
from playmate_jax.faces.landmarker import LEFT_EYE, RIGHT_EYE, Face
from playmate_jax.faces.openness import eye_ratios, lip_openness
from playmate_jax.metrics.lips import best_lag, correlation, energy_envelope, pauses
from playmate_jax.motion.layout import FPS, SAMPLES_PER_FRAME

# The mesh's contour of the lips, outer and inner.
LIPS = (
    61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 185, 40, 39, 37, 0, 267, 269, 270, 409,
    78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 191, 80, 81, 82, 13, 312, 311, 310, 415,
)  # fmt: skip
_SHUT, _OPEN = 0.5, 0.7  # of the eyes' usual opening: below a blink begins, above it ends
_LONGEST_BLINK = round(0.6 * FPS)  # eyes that stay shut are no blink
_STILL = 0.25  # grey levels: a smaller change is the codec's noise
LEAST_FRAMES = 2 * FPS  # of sound and lips to be correlated
REACH = 10  # frames of delay that are looked through

Landmarks = Float[np.ndarray, "t 468 3"]


def seen(landmarks: Landmarks) -> Bool[np.ndarray, " t"]:
    """In which frames the face was found."""
    return np.isfinite(landmarks[:, 0, 0])


def landmark_distances(made: Landmarks, true: Landmarks) -> dict[str, float]:
    """Mean distance of the points in both images, in percent of the true distance of the eyes.

    Returns:
      landmark_distance: all points where they are (F-LMD of Chen et al. 2018, on another mesh);
      mouth_distance: those of the lips, both mouths moved to the same middle (M-LMD).
    """
    both = seen(made) & seen(true)
    if not both.any():
        return {"landmark_distance": np.nan, "mouth_distance": np.nan}
    a, b = made[both, :, :2].astype(np.float64), true[both, :, :2].astype(np.float64)
    eyes = np.linalg.norm(b[:, LEFT_EYE].mean(1) - b[:, RIGHT_EYE].mean(1), axis=-1)
    mouths = [x[:, LIPS] - x[:, LIPS].mean(1, keepdims=True) for x in (a, b)]
    distance = {"landmark_distance": a - b, "mouth_distance": mouths[0] - mouths[1]}
    return {
        name: float((100 * np.linalg.norm(x, axis=-1).mean(1) / eyes).mean())
        for name, x in distance.items()
    }


def head_motion(landmarks: Landmarks) -> float:
    """Diversity of the head's motion: standard deviation over time of pitch, yaw and roll in
    degrees, their mean."""
    found = landmarks[seen(landmarks)]
    if len(found) < FPS:
        return float("nan")
    angles = np.array([head_angles(Face(x.astype(np.float32), 1.0, 1.0)) for x in found])
    return float(np.unwrap(angles, period=360, axis=0).std(0).mean())


def blinks_a_minute(landmarks: Landmarks) -> float:
    """How often both lids close below half of their usual opening (the median) and open again
    within 0.6 s."""
    found = landmarks[seen(landmarks)]
    if len(found) < 2 * FPS:
        return float("nan")
    opening = eye_ratios(found).mean(-1)
    usual = np.median(opening)
    count, since = 0, -1
    for t, value in enumerate(opening / max(usual, 1e-6)):
        if since < 0 and value < _SHUT:
            since = t
        elif since >= 0 and value > _OPEN:
            count += t - since <= _LONGEST_BLINK
            since = -1
    return count * 60 * FPS / len(found)


def lips_and_sound(landmarks: Landmarks, audio: Float[np.ndarray, " s"]) -> dict[str, float]:
    """The opening of the lips against the level of the speech.

    Returns:
      jaw_sync: their correlation, at no delay; jaw_delay_frames: at which delay of the lips it is
      highest; silence_motion: mean change of the opening from frame to frame in pauses of the
      speech, in percent of the nose's length: 0 where lips rest.
    """
    unknown = {"jaw_sync": np.nan, "jaw_delay_frames": np.nan, "silence_motion": np.nan}
    n, there = len(landmarks), seen(landmarks)
    n = min(n, len(audio) // SAMPLES_PER_FRAME)
    if n < LEAST_FRAMES or there[:n].mean() < 0.5:  # noqa: PLR2004
        return unknown
    opening = np.asarray(lip_openness(landmarks[:n].astype(np.float64)))
    opening = np.interp(np.arange(n), np.flatnonzero(there[:n]), opening[there[:n]])
    level = energy_envelope(np.asarray(audio, np.float64), n)
    if not level.any():
        return unknown
    change, quiet = np.abs(np.diff(opening)), pauses(level)
    still = quiet[1:] & quiet[:-1]
    return {
        "jaw_sync": correlation(opening, level),
        "jaw_delay_frames": float(best_lag(opening, level, REACH)),
        "silence_motion": float(100 * change[still].mean()) if still.any() else np.nan,
    }


def first_frame_jump(changes: Float[np.ndarray, " t"]) -> float:
    """The first change from frame to frame over the usual one: about 1, far above it where a still
    source is followed by drawn frames that differ from it.

    Args:
      changes: mean absolute difference of each frame from the one before, in grey levels.
    """
    if len(changes) < 3:  # noqa: PLR2004
        return float("nan")
    usual = float(np.median(changes[1:]))
    return (
        float("nan") if max(usual, changes[0]) < _STILL else float(changes[0] / max(usual, _STILL))
    )
