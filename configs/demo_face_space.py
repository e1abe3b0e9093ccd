"""Face space of the demo weights: F, M, W, G at 128 x 128 on synthetic faces.

Paper: stage 0 (the face space is LivePortrait's; section 3.1), at a hundredth of its size.
Command, after the two pools of synthetic faces that it needs:

    python -m playmate_jax.synthetic.pool runs/pool/train --seed 1 --identities 3600 --processes 2
    python -m playmate_jax.synthetic.pool runs/pool/test --seed 2 --identities 48
    playmate train configs/demo_face_space.py --workdir runs/demo/face_space

Hardware and result: playmate_jax/weights/demo/renderer/card.json.
"""

from playmate_jax.losses.face_space import LossWeights
from playmate_jax.models.appearance import AppearanceConfig
from playmate_jax.models.motion_extractor import MotionConfig
from playmate_jax.models.renderer import RendererConfig
from playmate_jax.models.spade import SpadeConfig
from playmate_jax.models.warping import WarpingConfig
from playmate_jax.training.face_space import FaceSpaceConfig
from playmate_jax.training.loop import LoopConfig
from playmate_jax.training.optimizer import OptimizerConfig

RENDERER = RendererConfig(
    appearance=AppearanceConfig(
        channels=64,
        max_channels=64,
        halvings=0,
        volume_channels=16,
        volume_depth=4,
        resblocks=0,
        norm="group",
        patch=4,
    ),
    motion=MotionConfig(
        trunk="plain",
        depths=(1, 1, 1, 2),
        dims=(24, 48, 96, 144),
        patch=2,
        pool="flatten",
        flat_channels=48,
    ),
    warping=WarpingConfig(
        compressed_channels=4,
        hourglass_channels=48,
        hourglass_blocks=3,
        hourglass_max_channels=96,
        mask_kernel=3,
        out_channels=48,
        norm="group",
        keypoint_code=16,
        # crown, nose tip, ears, forehead, bridge: what expression hardly moves
        rigid_keypoints=(0, 4, 5, 7, 10, 18),
    ),
    spade=SpadeConfig(
        middle_channels=48,
        middle_blocks=1,
        up_channels=(32,),
        hidden_channels=32,
        modulation_kernel=1,
        upscale=2,
        spectral_norm=False,
        picture_skip=True,
        shared_modulation=True,
        # lips, lids, irises, brows
        drawn_keypoints=(6, 12, 14, 17, 19, 20, 11, 13, 15, 16, 2, 3),
    ),
    image_size=128,
)


def config() -> FaceSpaceConfig:
    """The run of the shipped weights."""
    return FaceSpaceConfig(
        renderer=RENDERER,
        steps=14_000,
        batch=4,
        motion_more=16,
        motion_share=(0.35, 0.7),
        # eyes and lips are a twentieth of the image and most of what one looks at
        weights=LossWeights(gradient=0.8, focus=8.0),
        optimizer=OptimizerConfig(
            learning_rate=1e-3,
            b2=0.99,
            clip_norm=1.0,
            ema_decay=0.998,
            # M's outputs are head units and degrees: at the full rate each step would move them
            # by several times their spread; and 3072 inputs move `mix` alike. Measured: the
            # features collapsed to a constant and nothing but the mean was learnt.
            rates=(
                (r"/head_(exp|kp|t)/", 0.02),
                (r"/head_scale/", 0.005),
                (r"/head_(pitch|yaw|roll)/", 0.2),
                (r"/mix/", 0.2),
            ),
        ),
        loop=LoopConfig(log_every=50, eval_every=500, checkpoint_minutes=3.0),
    )
