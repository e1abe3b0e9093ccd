"""The face space from nothing, as small as it still learns: LivePortrait's recipe at 64 x 64.

    playmate prepare drawn --out runs/tiny/faces --seed 7 --identities 600 --hours 1.0 \
        --size 64 --set seconds=6 --set frames=16
    playmate train configs/tiny_face_space.py --workdir runs/tiny/face_space

Paper: section 3.1, with the transfer loss (Eqs. 2 to 4), at a five-hundredth of LivePortrait's
size, on synthetic faces: head pose from labels, keypoints and expression from no label. No VGG19:
images are compared by their pixels. --set weights.transfer=0 is the same without the transfer loss.
Hardware and result: not run yet.
"""

from playmate_jax.models.appearance import AppearanceConfig
from playmate_jax.models.discriminator import DiscriminatorConfig
from playmate_jax.models.motion_extractor import MotionConfig
from playmate_jax.models.renderer import RendererConfig
from playmate_jax.models.spade import SpadeConfig
from playmate_jax.models.warping import WarpingConfig
from playmate_jax.training.loop import LoopConfig
from playmate_jax.training.optimizer import OptimizerConfig
from playmate_jax.training.portrait_terms import PortraitWeights
from playmate_jax.training.portraits import PortraitsConfig

RENDERER = RendererConfig(
    appearance=AppearanceConfig(
        channels=16, max_channels=48, halvings=2, volume_channels=8, volume_depth=4, resblocks=1
    ),
    motion=MotionConfig(depths=(1, 1, 1, 1), dims=(24, 48, 96, 128), patch=2),
    warping=WarpingConfig(
        compressed_channels=1,
        hourglass_channels=8,
        hourglass_blocks=3,
        hourglass_max_channels=32,
        mask_kernel=3,
        out_channels=32,
    ),
    spade=SpadeConfig(
        middle_channels=32,
        middle_blocks=1,
        up_channels=(24,),
        hidden_channels=24,
        modulation_kernel=1,
    ),
    image_size=64,
)
ADAM = OptimizerConfig(
    learning_rate=1e-3, b1=0.5, b2=0.999, clip_norm=10.0, anneal_share=0.5, ema_decay=0.998
)


def config() -> PortraitsConfig:
    """The run that the record above is of."""
    return PortraitsConfig(
        steps=9_000,
        clips="runs/tiny/faces",
        pairs=1,
        renderer=RENDERER,
        discriminator=DiscriminatorConfig(channels=16, max_channels=64, blocks=3, scales=1),
        weights=PortraitWeights(),
        optimizer=ADAM,
        discriminator_optimizer=ADAM,
        crop=(2.23, 0.0, -0.106),
        loop=LoopConfig(log_every=50, eval_every=500),
        name="tiny",
        domain="drawn",
    )
