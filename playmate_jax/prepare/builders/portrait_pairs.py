"""Frames of faces with their motion and landmarks, for the face space.

    python -m playmate_jax.prepare.builders portrait_pairs --config prepared --manual_dir data/mine

Several folders under --manual_dir become one data set.
"""

from playmate_jax.prepare.builders.clip_builder import DRAWN, PREPARED, ClipBuilder


class PortraitPairs(ClipBuilder):
    """Synthetic clips, or those that `playmate prepare` wrote."""

    BUILDER_CONFIGS = [DRAWN, PREPARED]
