"""How far lips and eyes are open, from the 468 landmarks: measures for metrics and retargeting.

Indices of the mesh: inner upper lip 13 (82 and 312 beside it), inner lower lip 14 (87, 317),
corners of the mouth 61 and 291; the left eye of the image has lids 159 and 145 and corners 33 and
133, the right one 386, 374 and 263, 362; 105 and 334 are the middles of the brows; the bridge of
the nose 168 and its base 2 do not move with speech and give the scale. Distances are
three-dimensional, so that a turned head keeps its scale.
"""

from collections.abc import Iterable, Sequence

import numpy as np
from jaxtyping import Float, UInt8

from playmate_jax.faces.landmarker import MOUTH_CORNERS, Face, Landmarker
from playmate_jax.faces.track import track_faces

_LIPS = ((82, 87), (13, 14), (312, 317))
_LIDS = ((159, 145), (386, 374))
_EYE_CORNERS = ((33, 133), (263, 362))
_BROWS = (105, 334)
_NOSE = (168, 2)

_EPSILON = 1e-6  # LivePortrait's, against division by a vanished mouth or eye


def _distance(landmarks: np.ndarray, pair: tuple[int, int]) -> np.ndarray | np.floating:
    return np.linalg.norm(landmarks[..., pair[0], :] - landmarks[..., pair[1], :], axis=-1)


def lip_ratio(landmarks: Float[np.ndarray, "*b 468 c"]) -> Float[np.ndarray, "*b"] | np.floating:
    """Opening of the inner lips over the width of the mouth: what LivePortrait's lip retargeter
    takes."""
    return _distance(landmarks, (13, 14)) / (_distance(landmarks, MOUTH_CORNERS) + _EPSILON)


def eye_ratios(landmarks: Float[np.ndarray, "*b 468 c"]) -> Float[np.ndarray, "*b 2"]:
    """Opening over width of the left and the right eye: for LivePortrait's eye retargeter."""
    opening = np.stack([_distance(landmarks, lids) for lids in _LIDS], axis=-1)
    width = np.stack([_distance(landmarks, corners) for corners in _EYE_CORNERS], axis=-1)
    return opening / (width + _EPSILON)


def openness(landmarks: Float[np.ndarray, "*b 468 c"]) -> Float[np.ndarray, "*b 3"]:
    """`eye_ratios` and `lip_ratio` together: left eye, right eye, lips."""
    lips = np.asarray(lip_ratio(landmarks))
    return np.concatenate([eye_ratios(landmarks), lips[..., None]], axis=-1).astype(np.float32)


def openness_of(faces: Sequence[Face | None]) -> Float[np.ndarray, "t 3"]:
    """`openness` of a face in every frame, linear in time where it was not seen; it is in one."""
    seen = {i: openness(face.landmarks) for i, face in enumerate(faces) if face is not None}
    at, values = list(seen), np.stack(list(seen.values()))
    return np.stack([np.interp(np.arange(len(faces)), at, c) for c in values.T], axis=-1)


def lip_openness(landmarks: Float[np.ndarray, "*b 468 c"]) -> Float[np.ndarray, "*b"] | np.floating:
    """Opening of the inner lips (mean of three places) in lengths of the nose: unlike `lip_ratio`
    it does not fall when the mouth widens."""
    gap = np.mean([_distance(landmarks, pair) for pair in _LIPS], axis=0)
    return gap / (_distance(landmarks, _NOSE) + _EPSILON)


def brow_height(landmarks: Float[np.ndarray, "*b 468 c"]) -> Float[np.ndarray, "*b 2"]:
    """Distance of the left and the right brow from the middle between the eye's corners, in lengths
    of the nose: unlike that from the lids it does not change with a blink."""
    eyes = [(landmarks[..., a, :] + landmarks[..., b, :]) / 2 for a, b in _EYE_CORNERS]
    gaps = [
        np.linalg.norm(landmarks[..., brow, :] - eye, axis=-1)
        for brow, eye in zip(_BROWS, eyes, strict=True)
    ]
    return np.stack(gaps, axis=-1) / (np.asarray(_distance(landmarks, _NOSE))[..., None] + _EPSILON)


def mouth_width(landmarks: Float[np.ndarray, "*b 468 c"]) -> Float[np.ndarray, "*b"] | np.floating:
    """Distance of the mouth's corners in lengths of the nose."""
    return _distance(landmarks, MOUTH_CORNERS) / (_distance(landmarks, _NOSE) + _EPSILON)


def lip_openness_of(
    frames: Iterable[UInt8[np.ndarray, "h w 3"]], landmarker: Landmarker
) -> Float[np.ndarray, "t"]:
    """`lip_openness` of the largest face in each frame; NaN where there is none."""
    faces = track_faces(frames, landmarker)
    return np.array(
        [np.nan if face is None else lip_openness(face.landmarks) for face in faces], np.float32
    )
