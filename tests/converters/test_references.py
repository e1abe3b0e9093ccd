"""Our PyTorch references have the originals' names, at the recordings' sizes and at full size."""

import json
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from playmate_jax.configuration import from_values  # noqa: E402
from playmate_jax.converters import synthetic_weights, verify  # noqa: E402
from playmate_jax.converters.registry import FAMILIES, by_name  # noqa: E402
from playmate_jax.models.renderer import RendererConfig  # noqa: E402

RECORDINGS = Path(__file__).parent / "recordings"
SMALL = from_values(
    RendererConfig, json.loads((RECORDINGS / "configs.json").read_text())["liveportrait"]
)
ORIGINALS = {"eyes": "eye", "lips": "lip"}  # in the names of their manifests
ONE_FILE = {
    "vgg19": "vgg19",
    "arcface": "iresnet50",
    "i3d": "i3d",
    "lpips": "lpips_alex",
    "fid-inception": "fid_inception",
    "emotion-efficientnet": "emotion_efficientnet_b0",
    "syncnet": "syncnet_v2",
}


def original(folder, network):
    """name -> (shape, dtype) of an original's state dict, in its order."""
    values = json.loads((folder / "manifests" / f"{network}.json").read_text())
    return {name: (tuple(shape), dtype) for name, (shape, dtype) in values.items()}


def part_of(manifest, part):
    return {k[len(part) + 1 :]: v for k, v in manifest.items() if k.startswith(f"{part}.")}


def test_references_load_the_originals_state_dicts_strictly():
    for run in by_name("liveportrait").runs(SMALL):
        network = f"liveportrait_{ORIGINALS.get(run.part, run.part)}"
        state = synthetic_weights.state_dict(original(RECORDINGS, network), 5)
        tensors = {k: torch.from_numpy(np.array(v)) for k, v in state.items()}
        run.reference().load_state_dict(tensors, strict=True)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_an_export_is_a_references_state_dict(family):
    wanted = verify.manifest(family.table(family.tiny), family.shapes(family.tiny))
    for run in family.runs(family.tiny):
        own = part_of(wanted, run.part) if run.part else wanted
        found = {
            name: (tuple(value.shape), str(value.dtype).removeprefix("torch."))
            for name, value in run.reference().state_dict().items()
        }
        assert found == own


@pytest.mark.parametrize("network", ["liveportrait", "wav2vec2", "hubert", *ONE_FILE])
def test_a_full_size_export_has_the_originals_names_shapes_and_types(network, shared):
    family, folder = by_name(network), shared / "reference"
    config = family.config_class()
    exported = verify.manifest(family.table(config), family.shapes(config))
    if family.parts:
        for part in family.parts:
            wanted = original(folder, f"{network}_{ORIGINALS.get(part, part)}")
            found = part_of(exported, part)
            assert list(found) == list(wanted)  # in order, as strict loading does not even ask
            assert found == wanted
        return
    name = ONE_FILE.get(network, f"{network}_base")
    assert list(exported.items()) == list(original(folder, name).items())
