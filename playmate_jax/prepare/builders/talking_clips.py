"""Sound, motion and speech features of talking people, for the stages that learn motion.

    python -m playmate_jax.prepare.builders talking_clips --config prepared --manual_dir data/mine

Several folders under --manual_dir become one data set.
"""

from playmate_jax.prepare.builders.clip_builder import DRAWN, PREPARED, ClipBuilder


class TalkingClips(ClipBuilder):
    """Synthetic clips, or those that `playmate prepare` wrote."""

    BUILDER_CONFIGS = [DRAWN, PREPARED]
