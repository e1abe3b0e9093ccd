"""How LivePortrait's networks run on both sides, and sizes small enough for a recording."""

import numpy as np

from playmate_jax.converters.layer_outputs import Run, flax_layers, reference
from playmate_jax.converters.synthetic_weights import inputs, smooth
from playmate_jax.models.appearance import AppearanceConfig, AppearanceExtractor
from playmate_jax.models.motion_extractor import MotionConfig, MotionExtractor
from playmate_jax.models.renderer import RendererConfig
from playmate_jax.models.spade import SpadeConfig, SpadeDecoder
from playmate_jax.models.stitching import KeypointMLP, KeypointMLPConfig
from playmate_jax.models.warping import WarpingConfig, WarpingNetwork

TINY = RendererConfig(
    appearance=AppearanceConfig(8, 32, 2, volume_channels=4, volume_depth=8, resblocks=2),
    motion=MotionConfig(depths=(1, 1, 2, 1), dims=(8, 16, 24, 32)),
    warping=WarpingConfig(
        compressed_channels=2, hourglass_channels=4, hourglass_blocks=3, hourglass_max_channels=16,
        out_channels=16,
    ),
    spade=SpadeConfig(middle_channels=16, middle_blocks=2, up_channels=(8, 4), hidden_channels=8),
    stitching=KeypointMLPConfig(126, (16, 8), 65),
    eyes=KeypointMLPConfig(66, (16, 12, 8), 63),
    lips=KeypointMLPConfig(65, (16, 8), 63),
    image_size=64,
)  # fmt: skip


def runs(config: RendererConfig) -> list[Run]:
    """F, M, W, G, S and the retargeters, each alone, on the smallest inputs."""
    f, m, w, g = config.appearance, config.motion, config.warping, config.spade
    side = 2**w.hourglass_blocks
    image = inputs(image=((1, 3, 64, 64), "unit"))
    drawn = inputs(
        volume=((1, f.volume_channels, f.volume_depth, side, side), "normal"),
        kp_source=((1, w.keypoints, 3), "keypoints"),
        kp_driving=((1, w.keypoints, 3), "keypoints"),
    )

    def volume() -> list[np.ndarray]:
        features, *points = drawn()
        return [smooth(features), *points]

    feature = inputs(feature=((1, w.out_channels, 16, 16), "normal"))
    portrait, drawing = (f"liveportrait.reference_{x}" for x in ("portrait", "renderer"))
    appearance = reference(portrait, "AppearanceReference", f)
    motion = reference(portrait, "MotionReference", m)
    warping = reference(drawing, "WarpingReference", w, f.volume_channels, f.volume_depth)
    spade = reference(drawing, "SpadeReference", g, w.out_channels)
    found = [
        Run("appearance", appearance, flax_layers(AppearanceExtractor(f)), image),
        Run("motion", motion, flax_layers(MotionExtractor(m)), image),
        Run("warping", warping, flax_layers(WarpingNetwork(w)), volume),
        Run("spade", spade, flax_layers(SpadeDecoder(g)), feature),
    ]
    for name in ("stitching", "eyes", "lips"):
        mlp = getattr(config, name)
        points = inputs(points=((3, mlp.inputs), "normal"))
        made = reference(portrait, "KeypointMLPReference", mlp)
        found.append(Run(name, made, flax_layers(KeypointMLP(mlp)), points))
    return found
