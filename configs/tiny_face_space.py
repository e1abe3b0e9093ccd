"""The face space from nothing, as small as it still learns: LivePortrait's recipe at 64 x 64.

    playmate prepare drawn --out runs/tiny/faces --seed 17 --identities 1200 --hours 2.0 \
        --size 128 --set seconds=6 --set frames=16 --set head_motion=3 --set zoom=1.6 \
        --set varied=true
    playmate train configs/tiny_face_space.py --workdir runs/tiny/face_space

Paper: section 3.1, at a five-hundredth of LivePortrait's size, on synthetic faces: head pose from
labels, keypoints and expression from no label. No VGG19: images are compared by their pixels. No
GAN (--set weights.adversarial=0.5 --set weights.feature_matching=2 adds it) and no transfer loss,
which is for a face space that can draw already (benchmarks/transfer_loss.py).
Hardware: 83 min on two cores of an AMD EPYC, other programs beside it. Result: 25.7 dB on people of
the validation split, 5.5 dB above copying the source; on 400 people of another seed 23.1 dB, 4.8 dB
above, head pose off by .9 deg, and one linear map of delta, fitted on half of them, reads the mouth
of the others with R2 .71, lids and brows with .14. Delta also moves with the head: 2.6 times as
much as with the expression where the head turns by 13 deg.
"""

import dataclasses

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

# F and M see 128 x 128, G draws 64 x 64: a mouth that M is to read has twice the pixels of one that
# is drawn. M is the plain one: with labels, from nothing, it read mouths of unseen people with R2
# .51 after 1,500 steps of 16 images, where ConvNeXt's, whose map is averaged, was still at 0.
RENDERER = RendererConfig(
    appearance=AppearanceConfig(
        channels=16, max_channels=32, halvings=2, volume_channels=6, volume_depth=4, resblocks=0
    ),
    motion=MotionConfig(
        trunk="plain", depths=(1, 1, 1), dims=(32, 64, 128), kernel_size=3, pool="flatten"
    ),
    warping=WarpingConfig(
        compressed_channels=1,
        hourglass_channels=4,
        hourglass_blocks=4,
        hourglass_max_channels=32,
        mask_kernel=1,
        heat_map_variance=0.03,  # cells are coarse: four in depth
        out_channels=32,
    ),
    spade=SpadeConfig(
        middle_channels=32,
        middle_blocks=2,
        up_channels=(),
        hidden_channels=24,
        modulation_kernel=1,
    ),
    image_size=128,
)
ADAM = OptimizerConfig(
    learning_rate=2e-3, b1=0.9, b2=0.999, clip_norm=100.0, anneal_share=0.5, ema_decay=0.998
)
# M's outputs are head units and degrees: at the full rate a step would move them by several times
# their spread.
OF_M = (
    (r"/head_(exp|kp|t)/", 0.3),
    (r"/head_scale/", 0.02),
    (r"/head_(pitch|yaw|roll)/", 0.2),
)


def config() -> PortraitsConfig:
    """The run that the record above is of."""
    return PortraitsConfig(
        steps=9_000,
        clips="runs/tiny/faces",
        batch_size=8,
        pairs=1,
        renderer=RENDERER,
        discriminator=DiscriminatorConfig(channels=16, max_channels=64, blocks=2, scales=1),
        regions=("face", "lips"),
        # Errors of pixels are a hundredth of those of VGG19's features, which the other weights of
        # face-vid2vid are made for. At a weight of 10 the gradient of degrees on M's trunk was 15
        # times that of the images, and delta held little but head pose.
        weights=PortraitWeights(
            reconstruction=100.0,
            adversarial=0.0,
            feature_matching=0.0,
            equivariance=5.0,
            keypoint_prior=5.0,
            deformation_prior=0.5,
            head_pose=0.5,
            transfer=0.0,
        ),
        optimizer=dataclasses.replace(ADAM, rates=OF_M),
        discriminator_optimizer=dataclasses.replace(ADAM, learning_rate=1e-3, b1=0.5),
        crop=(1.394, 0.0, -0.17),  # of zoom 1.6
        loop=LoopConfig(log_every=50, eval_every=500),
        name="tiny",
        domain="drawn",
    )
