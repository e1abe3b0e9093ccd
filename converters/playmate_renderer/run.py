"""How small renderers run on both sides, and a size small enough for a recording."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from playmate_jax.converters.layer_outputs import Run, modules_of, reference
from playmate_jax.converters.synthetic_weights import inputs, smooth
from playmate_jax.models.appearance import AppearanceConfig
from playmate_jax.models.motion_extractor import MotionConfig
from playmate_jax.models.renderer import RendererConfig, decoder_inputs, networks
from playmate_jax.models.spade import SpadeConfig
from playmate_jax.models.warping import WarpingConfig

TINY = RendererConfig(
    appearance=AppearanceConfig(8, 8, 0, 4, 2, resblocks=0, norm="group", patch=4),
    motion=MotionConfig(
        trunk="plain", depths=(1, 2), dims=(8, 12), patch=2, pool="flatten", flat_channels=4
    ),
    warping=WarpingConfig(
        compressed_channels=2, hourglass_channels=8, hourglass_blocks=2, hourglass_max_channels=16,
        mask_kernel=3, out_channels=12, norm="group", keypoint_code=4, rigid_keypoints=(0, 4, 5, 7),
    ),
    spade=SpadeConfig(
        middle_channels=8, middle_blocks=1, up_channels=(4,), hidden_channels=8,
        modulation_kernel=1, spectral_norm=False, picture_skip=True, shared_modulation=True,
        drawn_keypoints=(6, 12, 14),
    ),
    image_size=32,
)  # fmt: skip


def runs(config: RendererConfig) -> list[Run]:
    """F, M, W and G chained: an image and two sets of keypoints to M's outputs and an image."""
    side, k = config.image_size, config.warping.keypoints

    def made_inputs() -> list[np.ndarray]:
        image, source, change = inputs(
            image=((1, 3, side, side), "unit"),
            kp_source=((1, k, 3), "keypoints"),
            kp_change=((1, k, 3), "keypoints"),
        )()
        return [smooth(image), source, source + 0.1 * change]

    made = reference("playmate_renderer.reference", "SmallRendererReference", config)
    return [Run("", made, layers(config), made_inputs)]


def layers(config: RendererConfig) -> Callable[..., dict[str, Any]]:
    """`renderer.decode` and M with every layer's output kept."""

    def run(variables: Mapping[str, Any], image: Any, source: Any, driving: Any) -> dict:
        found: dict[str, Any] = {}
        modules = networks(config)

        def keep(part: str, module: Any, *inputs: Any, **named: Any) -> Any:
            output, kept = module.apply(
                variables[part], *inputs, **named, capture_intermediates=True,
                mutable=["intermediates"],
            )  # fmt: skip
            found.update(modules_of(kept, f"{part}/"))
            return output

        raw = keep("motion", modules.motion, image)
        volume = keep("appearance", modules.appearance, image)
        features = {"volume": volume, "image": image}
        warped = keep("warping", modules.warping, volume, source, driving)
        given = decoder_inputs(config, features, warped, driving)
        drawn = keep("spade", modules.spade, **given)
        return found | {"": [raw, drawn]}

    return run
