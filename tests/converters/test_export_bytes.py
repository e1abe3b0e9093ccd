"""Conversions give the bytes that they gave when these digests were recorded (version 0.1.0).

Weights are synthetic and tensors are only moved, so the digests hold on every machine.
"""

from hashlib import sha256

import pytest

torch = pytest.importorskip("torch")

from playmate_jax.converters import convert, state_files, verify  # noqa: E402
from playmate_jax.converters.registry import FAMILIES  # noqa: E402

# family: first digits of the SHA-256 of params.safetensors, and of the exported file's tensors
RECORDED = {
    "liveportrait": ("4015c23e1b39bf2e", "b2a781f1234061be"),
    "wav2vec2": ("d25fa9c3cb23a441", "85e9939a0b687043"),
    "hubert": ("d25fa9c3cb23a441", "85e9939a0b687043"),
    "joyvasa": ("f74f97dfe7a07dbb", "1d6cb545ae93a132"),
    "vgg19": ("1235a733dc2390b6", "57acd815e121ae0b"),
    "discriminator": ("d8a01c62e4a58e3d", "5268d2964955bb0a"),
    "hopenet": ("69cffb73e07c76ca", "48436fae5e804d84"),
    "arcface": ("26f0fce34b51600f", "899259eb2e1a1cad"),
    "lpips": ("816401f4b198f876", "bab9055c5e3c8448"),
    "fid-inception": ("2170d36f6b1b8fcd", "1cb5bce5638d46d7"),
    "emotion-efficientnet": ("260479e2dd920be1", "da6ac46104e93c55"),
    "i3d": ("9af06e7cbe857cfb", "32532f47242b6d69"),
    "syncnet": ("64b01812c1f0b396", "834e673d91262445"),
    "s3fd": ("e55d654bb5f60bcb", "f50c39209ab1b95c"),
    "playmate": ("641b6b1f9ff7948f", "1f0d0d4bc9fb40a7"),
    "playmate-renderer": ("e1d6c34da3dcf6a8", "2d5cda8ade717e0e"),
}


def exported(family, folder):
    """The weights directory of a family's tiny size, and its export as one `.safetensors` file."""
    from playmate_jax.configuration import to_values

    state = verify.synthetic_state(family.table(family.tiny), family.shapes(family.tiny))
    config = {"config": {"kind": family.kind, **to_values(family.tiny)}}
    state_files.write_file(folder / "a.safetensors", state, config)
    convert.to_jax(folder / "a.safetensors", folder / "w")
    convert.to_pytorch(folder / "w", folder / "b.safetensors")
    return folder / "w", folder / "b.safetensors"


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_conversions_have_the_recorded_bytes(family, tmp_path):
    directory, export = exported(family, tmp_path)
    content = export.read_bytes()
    tensors = content[8 + int.from_bytes(content[:8], "little") :]
    found = ((directory / "params.safetensors").read_bytes(), tensors)
    assert tuple(sha256(part).hexdigest()[:16] for part in found) == RECORDED[family.name]


def test_the_same_export_has_the_same_bytes_each_time(tmp_path):
    """safetensors alone writes metadata in a random order."""
    family = next(family for family in FAMILIES if family.name == "vgg19")
    written = set()
    for name in "abcd":
        (tmp_path / name).mkdir()
        written.add(exported(family, tmp_path / name)[1].read_bytes())
    assert len(written) == 1
