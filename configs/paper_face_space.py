"""The face space as the paper has it: LivePortrait's networks from nothing, 256 x 256 to 512 x 512.

    playmate train configs/paper_face_space.py --workdir runs/face --set clips=data/mine \
        --set vgg19=weights/vgg19
    playmate train configs/paper_face_space.py --workdir runs/tuned --set clips=data/mine \
        --set start=liveportrait

Paper: section 3.1, LivePortrait's first stage with the pairwise transfer loss (Eqs. 2 to 4);
face-vid2vid's weights and optimiser (LivePortrait never published its weights), regions of face and
lips with their own discriminators. Images of the data at 512 x 512 (--size 512).
Hardware: LivePortrait's took eight A100 for ten days at 104 pairs a step; here 8 a GPU, and
batch_size is to be 8 times their number. Expected: not run yet.
"""

from playmate_jax.models.renderer import RendererConfig
from playmate_jax.training.portraits import PortraitsConfig


def config() -> PortraitsConfig:
    """The face space as the paper trains it."""
    return PortraitsConfig(
        steps=400_000,
        clips="data/portraits",
        batch_size=8,
        renderer=RendererConfig(),
        regions=("face", "lips"),
        precision="bfloat16",
        remat="network",
        workers=4,
    )
