"""Makes tests/converters/recordings: outputs of the original networks at small sizes.

    python tests/converters/record.py PATH_TO_A_LIVEPORTRAIT_CHECKOUT

Run once, with torch; the tests read what it wrote. The originals are configured small, given
synthetic weights drawn from names, and their outputs stored in the format that
`playmate_jax.converters.parity` reads. SpadeDecoder's 6 blocks and 128 hidden channels are fixed.
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch

from playmate_jax.configuration import to_values
from playmate_jax.converters import synthetic_weights
from playmate_jax.converters.golden import Reference
from playmate_jax.converters.liveportrait.parity import MLP_FIELDS, volume_shape
from playmate_jax.models.appearance import AppearanceConfig
from playmate_jax.models.motion_extractor import MotionConfig
from playmate_jax.models.renderer import RendererConfig
from playmate_jax.models.spade import SpadeConfig
from playmate_jax.models.stitching import KeypointMLPConfig
from playmate_jax.models.warping import WarpingConfig

ROOT = Path(__file__).parent / "recordings"
SEED = 0
CONFIG = RendererConfig(
    appearance=AppearanceConfig(8, 32, 2, volume_channels=4, volume_depth=8, resblocks=2),
    motion=MotionConfig(depths=(1, 1, 2, 1), dims=(8, 16, 24, 32)),
    warping=WarpingConfig(
        compressed_channels=2,
        hourglass_channels=4,
        hourglass_blocks=3,
        hourglass_max_channels=16,
        out_channels=16,
    ),
    spade=SpadeConfig(middle_channels=32, up_channels=(16, 8)),
    stitching=KeypointMLPConfig(126, (16, 8), 65),
    eyes=KeypointMLPConfig(66, (16, 12, 8), 63),
    lips=KeypointMLPConfig(65, (16, 8), 63),
    image_size=64,
)


def main(checkout: str) -> None:
    """Build, record, write."""
    sys.path.insert(0, checkout)
    from src.modules import (
        appearance_feature_extractor,
        convnextv2,
        spade_generator,
        stitching_retargeting_network,
        warping_network,
    )

    f, m, w, g = CONFIG.appearance, CONFIG.motion, CONFIG.warping, CONFIG.spade
    motion = torch.nn.Module()
    motion.detector = convnextv2.ConvNeXtV2(
        depths=list(m.depths), dims=list(m.dims), num_kp=m.keypoints
    )
    mlp = stitching_retargeting_network.StitchingRetargetingNetwork
    networks = {
        "appearance": appearance_feature_extractor.AppearanceFeatureExtractor(
            3,
            f.channels,
            f.halvings,
            f.max_channels,
            f.volume_channels,
            f.volume_depth,
            f.resblocks,
        ),
        "motion": motion,
        "warping": warping_network.WarpingNetwork(
            num_kp=w.keypoints,
            block_expansion=w.out_channels // 4,
            max_features=f.max_channels,
            num_down_blocks=2,
            reshape_channel=f.volume_channels,
            estimate_occlusion_map=True,
            dense_motion_params={
                "block_expansion": w.hourglass_channels,
                "max_features": w.hourglass_max_channels,
                "num_blocks": w.hourglass_blocks,
                "reshape_depth": f.volume_depth,
                "compress": w.compressed_channels,
            },
        ),
        "spade": spade_generator.SPADEDecoder(
            2, w.out_channels, w.out_channels // 4, g.up_channels[-1]
        ),
    }
    for name, field in MLP_FIELDS.items():
        sizes = getattr(CONFIG, field)
        networks[name] = mlp(sizes.inputs, list(sizes.hidden), sizes.outputs)
    (ROOT / "golden").mkdir(parents=True, exist_ok=True)
    (ROOT / "manifests").mkdir(exist_ok=True)
    (ROOT / "configs.json").write_text(json.dumps({"liveportrait": to_values(CONFIG)}) + "\n")
    for name, network in networks.items():
        tensors = network.eval().state_dict()
        manifest = {
            key: [list(value.shape), str(value.dtype).removeprefix("torch.")]
            for key, value in tensors.items()
        }
        lines = ",\n".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in manifest.items())
        (ROOT / "manifests" / f"liveportrait_{name}.json").write_text("{\n" + lines + "\n}\n")
        state = synthetic_weights.state_dict(manifest, SEED)
        network.load_state_dict({k: torch.from_numpy(np.array(v)) for k, v in state.items()})
    with torch.no_grad():
        record(networks)


def record(networks: dict) -> None:
    """Run every network on synthetic inputs and store its outputs."""
    reference = Reference(ROOT, SEED)

    def draw(name: str, shape: tuple[int, ...], kind: str = "normal") -> torch.Tensor:
        return torch.from_numpy(reference.input(name, shape, kind))

    volume = volume_shape(CONFIG)
    image = draw("image", (2, 3, CONFIG.image_size, CONFIG.image_size), "unit")
    write("appearance", {"appearance.feature_volume": networks["appearance"](image)})
    write("motion", {f"motion.{k}": v for k, v in networks["motion"].detector(image).items()})
    points = {k: draw(k, (1, 21, 3), "keypoints") for k in ("kp_source", "kp_driving")}
    features = draw("feature_volume", volume)
    dense = networks["warping"].dense_motion_network(features, **points)
    warped = networks["warping"](features, **points)
    outputs = {"mask": dense["mask"], **warped}
    grid = 0.9 * draw("grid", (1, *volume[2:], 3))
    sampled = torch.nn.functional.grid_sample(features, grid, align_corners=False)
    write(
        "warping",
        {f"warping.{k}": v for k, v in outputs.items()} | {"grid_sample_3d": sampled},
    )
    noise = draw("warped", (1, CONFIG.warping.out_channels, *volume[3:]))
    decode = networks["spade"]
    images = {"spade.image": decode(noise), "warp_then_decode.image": decode(warped["out"])}
    write("spade", images)
    retarget = {
        f"retarget.{k}": networks[k](draw(k, (3, getattr(CONFIG, field).inputs)))
        for k, field in MLP_FIELDS.items()
    }
    write("retargeting", retarget)


def write(name: str, outputs: dict[str, torch.Tensor], count: int = 64) -> None:
    """One recording: shape, moments and up to `count` values of every output."""
    arrays = {}
    for key, tensor in outputs.items():
        flat = tensor.numpy().astype(np.float64).reshape(-1)
        indices = synthetic_weights.sample_indices(key, flat.size, SEED, count)
        arrays[f"{key}/shape"] = np.array(tensor.shape)
        arrays[f"{key}/values"] = flat[indices].astype(np.float32)
        arrays[f"{key}/mean_std_absmax"] = np.array([flat.mean(), flat.std(), abs(flat).max()])
    np.savez_compressed(ROOT / "golden" / f"liveportrait_{name}.npz", **arrays)


if __name__ == "__main__":
    main(sys.argv[1])
