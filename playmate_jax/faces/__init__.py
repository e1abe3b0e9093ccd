"""Faces in images: found, cropped as LivePortrait does, followed through a video, pasted back."""

from playmate_jax.faces.crop import (
    DRAWN,
    DRIVING,
    SOURCE,
    Crop,
    Square,
    choice_note,
    crop_face,
    face_square,
    pick_face,
)
from playmate_jax.faces.ffhq import ffhq_square, steady_ffhq_squares
from playmate_jax.faces.head_angles import head_angles
from playmate_jax.faces.landmarker import Face, Landmarker
from playmate_jax.faces.paste import Paster, paste_back, soft_mask
from playmate_jax.faces.sync_crop import mouth_crops, sync_crops, sync_square, sync_squares
from playmate_jax.faces.tflite import TfliteLandmarker
from playmate_jax.faces.track import FaceTrack, track_faces, track_video

__all__ = [
    "DRAWN",
    "DRIVING",
    "SOURCE",
    "Crop",
    "Face",
    "FaceTrack",
    "Landmarker",
    "Paster",
    "Square",
    "TfliteLandmarker",
    "choice_note",
    "crop_face",
    "face_square",
    "paste_back",
    "ffhq_square",
    "head_angles",
    "mouth_crops",
    "pick_face",
    "soft_mask",
    "steady_ffhq_squares",
    "sync_crops",
    "sync_square",
    "sync_squares",
    "track_faces",
    "track_video",
]
