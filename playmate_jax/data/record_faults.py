"""What is wrong with one record: numbers that are not, lengths that disagree."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from playmate_jax.data.records import NO_EMOTION
from playmate_jax.motion.layout import EMOTIONS, MOTION_SIZE, SAMPLES_PER_FRAME


def faults_of(record: Mapping[str, Any]) -> list[str]:
    """Clauses that say what is wrong with a record of any kind, in the order of its fields."""
    faults = []
    for name in ("motion", "features", "identity", "landmarks"):
        if name in record and not np.isfinite(record[name]).all():
            bad = record[name].size - int(np.isfinite(record[name]).sum())
            faults.append(f"{bad:,} of {record[name].size:,} numbers of {name} are not finite")
    rows = len(record["motion"])
    if record["motion"].shape[1:] != (MOTION_SIZE,) or not rows:
        faults.append(f"motion is {_shape(record['motion'])} instead of (rows, {MOTION_SIZE})")
    if "audio" in record and len(record["audio"]) != SAMPLES_PER_FRAME * rows:
        faults.append(
            f"{len(record['audio']):,} samples of audio for {rows:,} rows of motion, "
            f"{SAMPLES_PER_FRAME} x {rows:,} = {SAMPLES_PER_FRAME * rows:,} expected"
        )
    if "features" in record and len(record["features"]) != rows:
        faults.append(f"{len(record['features']):,} rows of features for {rows:,} of motion")
    if "frames" in record:
        faults += _faults_of_images(record, rows)
    if not (record["emotion"] == NO_EMOTION or 0 <= record["emotion"] < len(EMOTIONS)):
        faults.append(f"emotion {record['emotion']} is not one of 0 to {len(EMOTIONS) - 1}")
    return faults


def _faults_of_images(record: Mapping[str, Any], rows: int) -> list[str]:
    faults = []
    images, places, meshes = len(record["frames"]), record["rows"], len(record["landmarks"])
    if len(places) != images:
        faults.append(f"{images:,} images at {len(places):,} places")
    if len(places) and (places[0] < 0 or (np.diff(places) <= 0).any()):
        faults.append("the places of its images do not rise")
    if "audio" in record and len(places) and places[-1] >= rows:
        faults.append(f"an image at row {places[-1]:,} of {rows:,}")
    if "audio" not in record and rows != images:
        faults.append(f"{rows:,} rows of motion for {images:,} images")
    if meshes not in (0, images):
        faults.append(f"{meshes:,} meshes for {images:,} images")
    if broken := sum(frame[:2] != b"\xff\xd8" for frame in record["frames"]):
        faults.append(f"{broken:,} of its images are no JPEG files")
    return faults


def _shape(array: np.ndarray) -> str:
    return "(" + ", ".join(map(str, array.shape)) + ")"
