"""Synthetic talking faces with ground truth: the standard data set for throughput experiments.

    python -m playmate_jax.prepare.builders drawn_faces --config small      (half a minute)
    python -m playmate_jax.prepare.builders drawn_faces --config standard   (half an hour)

The times are those of two cores; `playmate prepare drawn` makes sets of any size.
"""

from playmate_jax.prepare.builders.clip_builder import SMALL, STANDARD, ClipBuilder, ClipConfig


class DrawnFaces(ClipBuilder):
    """3000 synthetic people and 5 hours of speech, or 40 people and 2 minutes."""

    BUILDER_CONFIGS = [
        ClipConfig(
            name="standard",
            description="3000 people, 5 hours, 72,000 images of 256 x 256; 768 speech features.",
            drawn=STANDARD,
        ),
        ClipConfig(
            name="small",
            description="40 people, 2 minutes, 480 images of 256 x 256: to try things out.",
            drawn=SMALL,
        ),
    ]
