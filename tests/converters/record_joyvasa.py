"""Makes JoyVASA's part of tests/converters/recordings: its own networks and its own inference.

    python tests/converters/record_joyvasa.py PATH_TO_A_JOYVASA_CHECKOUT

Run once, with torch and transformers; the tests read what it wrote. Networks are configured small
and given synthetic weights drawn from names. `joyvasa_denoiser` is one pass of the denoiser, in the
format and with the inputs of the full-size recording. `joyvasa_generator` is the whole way from a
recording of speech to the motion of a template, by the original's `gen_motion_sequence`, in which
the noise added between steps is put to zero, with the positions as they were when the published
weights were trained.
"""

import functools
import importlib.abc
import importlib.machinery
import json
import sys
import types
from argparse import Namespace
from pathlib import Path
from unittest.mock import MagicMock

import numpy as np
import torch
from transformers import HubertConfig, HubertModel

from playmate_jax.converters import synthetic_weights

ROOT = Path(__file__).parent / "recordings"
SEED = 0
LENGTH, PREVIOUS, WIDTH, STEPS = 20, 5, 32, 6
SIZES = dict(
    feature_dim=WIDTH, n_layers=2, n_heads=8, mlp_ratio=2, n_motions=LENGTH,
    n_prev_motions=PREVIOUS, motion_feat_dim=70, device="cpu",
)  # fmt: skip
ENCODER = dict(
    conv_dim=(16,) * 7, hidden_size=WIDTH, num_hidden_layers=2, num_attention_heads=4,
    intermediate_size=48, num_conv_pos_embeddings=16, num_conv_pos_embedding_groups=4,
)  # fmt: skip
SPEECH_SAMPLES = 27_000  # 1.7 s: windows of 0.8 s, the last one cut short
TOKEN_ROWS = 50  # of the positional table


def main(checkout: str) -> None:
    """Build, record, write."""
    sys.path.insert(0, checkout)
    sys.meta_path.append(Absent())
    from src.modules import common, dit_talking_head

    dit_talking_head.enc_dec_mask = functools.partial(common.enc_dec_mask, device="cpu")
    with torch.no_grad():
        record_denoiser(dit_talking_head)
        common.PositionalEncoding.forward = one_row
        record_generator(dit_talking_head)


def one_row(self, x):
    """The positions before the authors' correction."""
    return self.dropout(x + self.pe[:, x.shape[1], :])


def record_denoiser(dit_talking_head) -> None:
    """One pass; each motion frame also hears its neighbours."""
    network = dit_talking_head.DenoisingNetwork(use_indicator=True, align_mask_width=2, **SIZES)
    fill(network, "joyvasa_denoiser", buffers=False)
    config = dict(
        width=WIDTH, layers=2, heads=8, mlp_ratio=2, window=dict(length=LENGTH, previous=PREVIOUS),
        indicator=True, align_width=2, position_row=False,
    )  # fmt: skip
    path = ROOT / "configs.json"
    path.write_text(
        json.dumps(json.loads(path.read_text()) | {"joyvasa_denoiser": config}, indent=None) + "\n"
    )

    def draw(name, *shape):
        return torch.from_numpy(synthetic_weights.network_input(name, (2, *shape), SEED))

    real = torch.ones(2, LENGTH)
    real[1, -(LENGTH // 5) :] = 0
    motion, audio = draw("motion", LENGTH, 70), draw("audio", LENGTH, WIDTH)
    before = draw("prev_motion", PREVIOUS, 70), draw("prev_audio", PREVIOUS, WIDTH)
    found = network(motion, audio, *before, torch.tensor([3, 41]), real)
    arrays = sampled("joyvasa.denoiser", found)
    for name in ("linear", "cosine", "quadratic", "sigmoid"):
        schedule = dit_talking_head.DiffusionSchedule(50, name)
        for key in ("alpha_bars", "sigmas_inflex"):
            arrays[f"joyvasa.schedule.{name}/{key}"] = getattr(schedule, key).numpy()
    for samples in (640, 16_000, 63_999, 64_000):
        shape = dit_talking_head.pad_audio(torch.zeros(1, samples)).shape
        arrays[f"joyvasa.pad_audio.{samples}/length"] = np.array(shape)
    np.savez_compressed(ROOT / "golden" / "joyvasa_denoiser.npz", **arrays)


def record_generator(dit_talking_head) -> None:
    """Speech to the motion of a template."""
    from src import live_portrait_wmg_wrapper as wrapper

    model = talking_head(dit_talking_head)
    fill(model, "joyvasa_generator", buffers=True)
    audio = 0.1 * synthetic_weights.network_input("speech", (SPEECH_SAMPLES,), SEED)
    template = motion_template()
    wrapper.librosa.load = lambda path, **_: (audio, 16_000)
    wrapper.track = lambda items, **_: items
    noise = torch.from_numpy(synthetic_weights.network_input("noise", (1, LENGTH, 70), SEED))
    torch.randn = lambda *_, **__: noise
    torch.randn_like = torch.zeros_like
    generator = types.SimpleNamespace(
        device="cpu", fps=25, n_motions=LENGTH, n_prev_motions=PREVIOUS, audio_unit=640.0,
        n_audio_samples=640 * LENGTH, pad_mode="zero", use_indicator=True, templete_dict=template,
        motion_generator=model,
    )  # fmt: skip
    arrays = {f"buffer/{name}": buffer.numpy() for name, buffer in model.named_buffers()}
    arrays["buffer/denoising_net.PE.pe"] = arrays["buffer/denoising_net.PE.pe"][:, :TOKEN_ROWS]
    arrays["speech"] = model.extract_audio_feature(
        torch.from_numpy(audio[None, : 640 * LENGTH]), LENGTH
    ).numpy()
    for smooth in (False, True):
        arguments = Namespace(
            audio="", cfg_mode="incremental", cfg_cond=None, cfg_scale=2.8, is_smooth_motion=smooth
        )
        made = wrapper.LivePortraitWrapper.gen_motion_sequence(generator, arguments)["motion"]
        parts = ("exp", "scale", "t", "pitch", "yaw", "roll")
        rows = [np.concatenate([frame[part].ravel() for part in parts]) for frame in made]
        arrays["smoothed" if smooth else "motion"] = np.stack(rows)
    np.savez_compressed(ROOT / "golden" / "joyvasa_generator.npz", **arrays)


def talking_head(dit_talking_head):
    """The whole network, small; sizes that its constructor fixes are replaced afterwards."""
    encoder = HubertModel(HubertConfig(**ENCODER))
    loaded = types.SimpleNamespace(from_pretrained=lambda path: encoder)
    sys.modules["src.modules.hubert"] = types.SimpleNamespace(HubertModel=loaded)
    encoder.feature_extractor._freeze_parameters = lambda: None
    model = dit_talking_head.DitTalkingHead(
        device="cpu", motion_feat_dim=70, n_motions=LENGTH, n_prev_motions=PREVIOUS,
        feature_dim=WIDTH, n_diff_steps=STEPS, audio_model="hubert",
    )  # fmt: skip
    model.audio_feature_map = torch.nn.Linear(WIDTH, WIDTH)
    model.denoising_net = dit_talking_head.DenoisingNetwork(n_diff_steps=STEPS, **SIZES)
    forward = encoder.forward
    # Rows are as many as asked for, so the original's resampling changes nothing.
    encoder.forward = lambda audio, fps, frame_num: forward(audio)
    return model


def motion_template() -> dict[str, np.ndarray]:
    """Statistics in the template's keys and shapes."""
    sizes = {"scale": 1, "t": 3, "exp": 63, "pitch": 1, "yaw": 1, "roll": 1}
    draw = {
        f"{kind}_{part}": synthetic_weights.network_input(f"{kind}_{part}", (size,), SEED)
        for part, size in sizes.items()
        for kind in ("mean", "std", "max", "min")
    }
    return {name: np.abs(v) if name[:3] in ("std", "max") else v for name, v in draw.items()}


def fill(network, name: str, buffers: bool) -> None:
    """Synthetic values for every parameter, and the manifest of all names."""
    parameters = {key for key, _ in network.named_parameters()}
    manifest = {
        key: [list(value.shape), str(value.dtype).removeprefix("torch.")]
        for key, value in network.eval().state_dict().items()
        if buffers or key in parameters
    }
    lines = ",\n".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in manifest.items())
    (ROOT / "manifests" / f"{name}.json").write_text("{\n" + lines + "\n}\n")
    drawn = {key: value for key, value in manifest.items() if key in parameters}
    state = synthetic_weights.state_dict(drawn, SEED)
    network.load_state_dict({k: torch.from_numpy(np.array(v)) for k, v in state.items()}, False)


def sampled(name: str, tensor: torch.Tensor, count: int = 64) -> dict[str, np.ndarray]:
    """Shape, moments and up to `count` values of an output."""
    flat = tensor.numpy().astype(np.float64).reshape(-1)
    indices = synthetic_weights.sample_indices(name, flat.size, SEED, count)
    return {
        f"{name}/shape": np.array(tensor.shape),
        f"{name}/values": flat[indices].astype(np.float32),
        f"{name}/mean_std_absmax": np.array([flat.mean(), flat.std(), abs(flat).max()]),
    }


class Absent(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Stands in for libraries that the checkout imports and this recording does not use."""

    def find_spec(self, name, path=None, target=None):
        return importlib.machinery.ModuleSpec(name, self, is_package=True)

    def create_module(self, spec):
        module = MagicMock()
        module.__path__, module.__spec__ = [], spec
        return module

    def exec_module(self, module):
        pass


if __name__ == "__main__":
    main(sys.argv[1])
