"""JoyVASA's motion generator: tables between its state dict and `models/joyvasa.py`.

The statistics of the motion template are tensors among the others (`files.py`).
"""

import numpy as np
from flax.traverse_util import flatten_dict

from playmate_jax.converters.layers import (
    IDENTITY,
    LINEAR,
    dense,
    layer_norm,
    prefixed,
    under,
)
from playmate_jax.converters.rules import Ignored, Rule, Table
from playmate_jax.converters.wav2vec2 import rules as speech
from playmate_jax.diffusion.schedule import posterior_variance
from playmate_jax.inference.joyvasa_generator import STATISTICS
from playmate_jax.models.joyvasa import (
    SCHEDULES,
    DenoiserConfig,
    JoyvasaConfig,
    alignment,
    shapes,
    sinusoids,
)

TABLE_ROWS = 600  # of the positional table that checkpoints hold
ENCODER, SCHEDULE = "audio_encoder.", "diffusion_sched."
STATISTICS_PREFIX, TEMPLATE_FILE = "statistics.", "motion_template.pkl"
NETWORK = "denoising_net."
_LAYER_NORMS = ("norm_motion", "norm_speech", "norm")


def table(config: JoyvasaConfig) -> Table:
    """The whole DitTalkingHead, in PyTorch's order of names; then the statistics."""
    rules: Table = [
        Rule(f"{theirs}_feat", f"motion/params/{ours}", IDENTITY)
        for theirs, ours in (
            ("start_audio", "start_speech"), ("start_motion", "start_motion"),
            ("null_audio", "no_speech"),
        )
    ]  # fmt: skip
    rules += under("encoder/", prefixed(ENCODER, speech.table(config.encoder)))
    rules += under("motion/", dense("audio_feature_map", "speech_map"))
    rules += under("motion/", denoiser_table(config.denoiser, NETWORK, "denoiser/"))
    for name, value in schedule_buffers(config.denoiser).items():
        rules.append(Ignored(f"{SCHEDULE}{name}", value, computed=True))
    return rules + [
        Rule(f"{STATISTICS_PREFIX}{name}", f"statistics/{name}", IDENTITY) for name in STATISTICS
    ]


def present_name(name: str) -> str:
    """A tensor's name with the speech encoder's weight norm in its new spelling."""
    own = name.removeprefix(ENCODER)
    return ENCODER + speech.SPELLINGS[own] if own in speech.SPELLINGS else name


def denoiser_table(config: DenoiserConfig, source: str = "", target: str = "") -> Table:
    """DenoisingNetwork in PyTorch's order of names, computed tables among them."""
    rules: Table = []
    tokens, d = config.window.total, config.width
    if config.align_width > 0:
        mask = ~alignment(tokens, config.align_width)
        rules.append(Ignored(f"{source}alignment_mask", mask, computed=True))
    steps = sinusoids(config.n_diffusion_steps + 1, d)[None]
    rules.append(Ignored(f"{source}TE.pe", steps, computed=True))
    rules += dense(f"{source}diff_step_map.0", f"{target}step_in")
    rules += dense(f"{source}diff_step_map.2", f"{target}step_out")
    rules.append(Ignored(f"{source}PE.pe", sinusoids(TABLE_ROWS, d)[None], computed=True))
    rules += dense(f"{source}feature_proj", f"{target}project")
    for i in range(config.layers):
        theirs, ours = f"{source}transformer.layers.{i}", f"{target}layer_{i}"
        rules += _attention(f"{theirs}.self_attn", f"{ours}/motion")
        rules += _attention(f"{theirs}.multihead_attn", f"{ours}/speech")
        rules += dense(f"{theirs}.linear1", f"{ours}/widen")
        rules += dense(f"{theirs}.linear2", f"{ours}/narrow")
        for j, norm in enumerate(_LAYER_NORMS, 1):
            rules += layer_norm(f"{theirs}.norm{j}", f"{ours}/{norm}")
    rules += dense(f"{source}motion_dec.0", f"{target}motion_in")
    rules += dense(f"{source}motion_dec.2", f"{target}motion_out")
    return rules


def _attention(source: str, target: str) -> Table:
    return [
        Rule(f"{source}.in_proj_weight", f"params/{target}/kernel", LINEAR),
        Rule(f"{source}.in_proj_bias", f"params/{target}/bias", IDENTITY),
        *dense(f"{source}.out_proj", f"{target}/out"),
    ]


def leaf_shapes(config: DenoiserConfig, speech_size: int = 768) -> dict[str, tuple[int, ...]]:
    """Every leaf of `Joyvasa`'s variables and its shape."""
    leaves = flatten_dict(shapes(config, speech_size), sep="/")
    return {name: leaf.shape for name, leaf in leaves.items()}


def all_leaf_shapes(config: JoyvasaConfig) -> dict[str, tuple[int, ...]]:
    """Every leaf that `table` fills, and its shape."""
    motion = leaf_shapes(config.denoiser, config.encoder.width)
    encoder = speech.leaf_shapes(config.encoder)
    return (
        {f"motion/{name}": shape for name, shape in motion.items()}
        | {f"encoder/{name}": shape for name, shape in encoder.items()}
        | {f"statistics/{name}": (size,) for name, size in STATISTICS.items()}
    )


def schedule_buffers(config: DenoiserConfig) -> dict[str, np.ndarray]:
    """The schedule as checkpoints hold it: beta_0 = 0 in front, in float32."""
    bars = np.asarray(SCHEDULES[config.schedule](config.n_diffusion_steps).alphas_bar, np.float64)
    bars = np.append(1.0, bars)
    alphas = np.append(1.0, bars[1:] / bars[:-1])
    inflexible = np.append(0.0, np.sqrt(posterior_variance(bars[1:], bars[:-1])))
    buffers = {
        "betas": 1 - alphas, "alphas": alphas, "alpha_bars": bars,
        "sigmas_flex": np.sqrt(1 - alphas), "sigmas_inflex": inflexible,
    }  # fmt: skip
    return {name: value.astype(np.float32) for name, value in buffers.items()}
