"""How every family's networks run on both sides: references, Flax modules, inputs, and tiny sizes.

Inputs are drawn from their names in PyTorch's axis order, as small as the networks take them: what
is compared are layers, and every layer sees all of its weights at any size.
"""

import importlib
from collections.abc import Callable, Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np

from playmate_jax.converters import synthetic_weights
from playmate_jax.converters.training_networks import smallest_image
from playmate_jax.converters.verify import SEED, Run, flax_layers, modules_of
from playmate_jax.models.appearance import AppearanceConfig, AppearanceExtractor
from playmate_jax.models.discriminator import DiscriminatorConfig, MultiScaleDiscriminator
from playmate_jax.models.emotion import EmotionConfig, EmotionController
from playmate_jax.models.hopenet import Hopenet, HopenetConfig
from playmate_jax.models.joyvasa import DenoiserConfig, Joyvasa, JoyvasaConfig
from playmate_jax.models.motion_denoiser import MotionDenoiser, MotionDenoiserConfig
from playmate_jax.models.motion_extractor import MotionConfig, MotionExtractor
from playmate_jax.models.motion_model import MotionModelConfig
from playmate_jax.models.renderer import RendererConfig, decoder_inputs, warping_network
from playmate_jax.models.spade import SpadeConfig, SpadeDecoder
from playmate_jax.models.speech import at_video_rate
from playmate_jax.models.stitching import KeypointMLP, KeypointMLPConfig
from playmate_jax.models.syncnet import CEPSTRA, FRAMES, STEPS, SyncNet, SyncNetConfig
from playmate_jax.models.vgg19 import VGG19, VGG19Config
from playmate_jax.models.warping import WarpingConfig
from playmate_jax.models.wav2vec2 import Wav2Vec2, Wav2Vec2Config
from playmate_jax.motion.layout import EMOTIONS, MOTION_SIZE
from playmate_jax.motion.windows import WindowConfig

TINY_LIVEPORTRAIT = RendererConfig(
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
TINY_SPEECH = Wav2Vec2Config(
    channels=(16,) * 3, kernels=(10, 3, 2), strides=(5, 2, 2), width=32, layers=2, heads=4,
    feed_forward=48, position_kernel=16, position_groups=4,
)  # fmt: skip
TINY_RENDERER = RendererConfig(
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
TINY_VGG19 = VGG19Config((2, 1, 2), (4, 8, 8))
TINY_DISCRIMINATOR = DiscriminatorConfig(channels=2, max_channels=8, blocks=3)
TINY_HOPENET = HopenetConfig((1, 2), (4, 8))
TINY_SYNCNET = SyncNetConfig((2, 4, 4, 4, 4, 8), (3, 4, 4, 4, 4, 8), 6, 12, image_size=96)
TINY_PLAYMATE = MotionModelConfig(
    generator=MotionDenoiserConfig(
        speech_size=6, width=16, condition_width=8, layers=2, heads=2, feed_forward=24,
        kernel_size=5, window=WindowConfig(12, 4),
    ),
    emotion=EmotionConfig(blocks=2, heads=2, mlp_ratio=2, condition_width=12),
)  # fmt: skip
TINY_JOYVASA = JoyvasaConfig(
    denoiser=DenoiserConfig(
        width=24, layers=2, heads=4, mlp_ratio=2, window=WindowConfig(12, 4), indicator=True,
        n_diffusion_steps=6,
    ),
    encoder=TINY_SPEECH,
)  # fmt: skip
SAMPLES = 3000  # of audio


def liveportrait(config: RendererConfig) -> list[Run]:
    """F, M, W, G, S and the retargeters, each alone."""
    f, w = config.appearance, config.warping
    side = 2**w.hourglass_blocks
    image = _inputs(image=((1, 3, 64, 64), "unit"))
    drawn = _inputs(
        volume=((1, f.volume_channels, f.volume_depth, side, side), "normal"),
        kp_source=((1, w.keypoints, 3), "keypoints"),
        kp_driving=((1, w.keypoints, 3), "keypoints"),
    )

    def volume() -> list[np.ndarray]:
        features, *points = drawn()
        return [_smooth(features), *points]

    feature = _inputs(feature=((1, w.out_channels, 16, 16), "normal"))
    found = [
        Run(
            "appearance", _reference("portrait", "AppearanceReference", f),
            flax_layers(AppearanceExtractor(f)), image,
        ),
        Run(
            "motion", _reference("portrait", "MotionReference", config.motion),
            flax_layers(MotionExtractor(config.motion)), image,
        ),
        Run(
            "warping",
            _reference("renderer", "WarpingReference", w, f.volume_channels, f.volume_depth),
            flax_layers(warping_network(w)), volume,
        ),
        Run(
            "spade", _reference("renderer", "SpadeReference", config.spade, w.out_channels),
            flax_layers(SpadeDecoder(config.spade)), feature,
        ),
    ]  # fmt: skip
    for name in ("stitching", "eyes", "lips"):
        mlp = getattr(config, name)
        points = _inputs(points=((3, mlp.inputs), "normal"))
        reference = _reference("portrait", "KeypointMLPReference", mlp)
        found.append(Run(name, reference, flax_layers(KeypointMLP(mlp)), points))
    return found


def speech_encoder(config: Wav2Vec2Config) -> list[Run]:
    """A short noise; the convolution that tells positions is compared behind its GELU."""
    reference = _reference("speech_encoder", "SpeechEncoderReference", config)
    position = "encoder.pos_conv_embed"
    return [
        Run("", reference, flax_layers(Wav2Vec2(config)), _inputs(audio=((1, SAMPLES), "normal")),
            {f"{position}.conv": position})
    ]  # fmt: skip


def joyvasa(config: JoyvasaConfig) -> list[Run]:
    """A first window without speech and with it, as guidance asks for both."""
    length = config.denoiser.window.length
    drawn = _inputs(
        audio=((1, samples(config.encoder, 2 * length)), "normal"),
        motion=((1, length, MOTION_SIZE), "normal"),
    )

    def inputs() -> list[np.ndarray]:
        return [*drawn(), np.array([config.denoiser.n_diffusion_steps // 2], np.int32)]

    position = "audio_encoder.encoder.pos_conv_embed"
    heard_at = {f"{position}.conv": position}
    for i in range(config.denoiser.layers):
        for name in ("self_attn", "multihead_attn"):  # PyTorch never calls their projections
            attention = f"denoising_net.transformer.layers.{i}.{name}"
            heard_at[f"{attention}.out_proj"] = attention
    reference = _reference("joyvasa", "JoyvasaReference", config)
    return [Run("", reference, _joyvasa_layers(config), inputs, heard_at)]


def _joyvasa_layers(config: JoyvasaConfig) -> Callable[..., dict[str, Any]]:
    """Speech through its encoder and map, then the denoiser, with every layer's output kept."""

    def run(variables: Mapping[str, Any], audio: Any, motion: Any, step: Any) -> dict[str, Any]:
        kept = {"capture_intermediates": True, "mutable": ["intermediates"]}
        states, encoded = Wav2Vec2(config.encoder).apply(variables["encoder"], audio, **kept)
        network, own = Joyvasa(config.denoiser), variables["motion"]
        features = at_video_rate(states[-1][0])[None]
        speech, mapped = network.apply(own, features, method="speech", **kept)
        learned = own["params"]
        both = jnp.concatenate([jnp.broadcast_to(learned["no_speech"], speech.shape), speech])
        inputs = (motion, both, learned["start_motion"], learned["start_speech"], step)
        twice = [jnp.broadcast_to(x, (2, *x.shape[1:])) for x in inputs[:-1]]
        made, denoised = network.apply(own, *twice, jnp.repeat(step, 2), **kept)
        found = modules_of(encoded, "encoder/") | modules_of(mapped, "motion/")
        return found | modules_of(denoised, "motion/") | {"": [made]}

    return run


def samples(config: Wav2Vec2Config, rows: int) -> int:
    """The least audio that gives so many rows."""
    for kernel, stride in zip(reversed(config.kernels), reversed(config.strides), strict=True):
        rows = (rows - 1) * stride + kernel
    return rows


def vgg19(config: VGG19Config) -> list[Run]:
    """An image of the least size."""
    image = _inputs(image=((1, 3, 32, 32), "unit"))
    return [
        Run(
            "",
            _reference("training_networks", "VGG19Reference", config),
            flax_layers(VGG19(config)),
            image,
        )
    ]


def discriminator(config: DiscriminatorConfig) -> list[Run]:
    """An image of which the last scale's last block still has 4 x 4 cells to normalise over."""
    side = smallest_image(config, 4)
    image = _inputs(image=((1, 3, side, side), "unit"))
    reference = _reference("training_networks", "DiscriminatorReference", config)
    return [Run("", reference, flax_layers(MultiScaleDiscriminator(config)), image)]


def hopenet(config: HopenetConfig) -> list[Run]:
    """A small image."""
    image = _inputs(image=((1, 3, 64, 64), "unit"))
    reference = _reference("training_networks", "HopenetReference", config)
    return [Run("", reference, flax_layers(Hopenet(config)), image)]


def syncnet(config: SyncNetConfig) -> list[Run]:
    """One window of speech and one of lips."""
    drawn = _inputs(
        mfcc=((1, 1, CEPSTRA, STEPS), "normal"),
        frames=((1, 3, FRAMES, config.image_size, config.image_size), "unit"),
    )
    reference = _reference("syncnet", "SyncNetReference", config)
    return [Run("", reference, flax_layers(SyncNet(config)), drawn)]


def playmate(config: MotionModelConfig) -> list[Run]:
    """Generator, controller if there is one, and heads, with and without their conditions."""
    g, w = config.generator, config.generator.window
    drawn = _inputs(
        motion=((3, w.length, MOTION_SIZE), "normal"),
        previous_motion=((3, w.previous, MOTION_SIZE), "normal"),
        speech=((3, w.total, g.speech_size), "normal"),
        identity=((3, g.identity_size), "normal"),
        emotion=((3, w.total, len(EMOTIONS)), "unit"),
    )

    def inputs() -> list[np.ndarray]:
        *conditions, emotion = drawn()
        emotion = emotion / len(EMOTIONS)
        has = [np.array([True, True, False]), np.array([True, False, True])]
        return [*conditions, np.array([0, 17, 999], np.int32), *has, emotion]

    return [
        Run(
            "",
            _reference("emotion", "MotionModelReference", config),
            _motion_layers(config),
            inputs,
        )
    ]


def _motion_layers(config: MotionModelConfig) -> Callable[..., dict[str, Any]]:
    """`motion_model.output` with every layer's output kept."""

    def run(variables: Mapping[str, Any], *inputs: Any) -> dict[str, Any]:
        *stage1, emotion = inputs
        generator, params = MotionDenoiser(config.generator), {"params": variables["generator"]}
        kept = {"capture_intermediates": True, "mutable": ["intermediates"]}
        hidden, before = generator.apply(params, *stage1, method="hidden", **kept)
        found = modules_of(before, "generator/")
        expression = hidden
        if config.emotion is not None:
            controller = EmotionController(config.emotion)
            params2 = {"params": variables["emotion"]}
            expression, between = controller.apply(params2, hidden, emotion, stage1[4], **kept)
            found |= modules_of(between, "emotion/")
        output, after = generator.apply(params, expression, hidden, method="heads", **kept)
        return found | modules_of(after, "generator/") | {"": [output]}

    return run


def playmate_renderer(config: RendererConfig) -> list[Run]:
    """F, M, W and G chained, with the demo's options; other choices of them have no reference."""
    side, k = config.image_size, config.warping.keypoints
    if not (config.warping.rigid_keypoints and config.spade.shared_modulation):
        return []

    def inputs() -> list[np.ndarray]:
        image, source, change = _inputs(
            image=((1, 3, side, side), "unit"),
            kp_source=((1, k, 3), "keypoints"),
            kp_change=((1, k, 3), "keypoints"),
        )()
        return [_smooth(image), source, source + 0.1 * change]

    return [
        Run(
            "",
            _reference("small_renderer", "SmallRendererReference", config),
            _chain(config),
            inputs,
        )
    ]


def _chain(config: RendererConfig) -> Callable[..., dict[str, Any]]:
    """`renderer.decode` and M with every layer's output kept."""

    def run(variables: Mapping[str, Any], image: Any, source: Any, driving: Any) -> dict:
        found: dict[str, Any] = {}

        def keep(part: str, module: Any, *inputs: Any, **named: Any) -> Any:
            output, kept = module.apply(
                variables[part], *inputs, **named, capture_intermediates=True,
                mutable=["intermediates"],
            )  # fmt: skip
            found.update(modules_of(kept, f"{part}/"))
            return output

        raw = keep("motion", MotionExtractor(config.motion), image)
        volume = keep("appearance", AppearanceExtractor(config.appearance), image)
        features = {"volume": volume, "picture": image}
        warped = keep("warping", warping_network(config.warping), volume, source, driving)
        given = decoder_inputs(config, features, warped, driving)
        drawn = keep("spade", SpadeDecoder(config.spade), **given)
        return found | {"": [raw, drawn]}

    return run


def _reference(module: str, name: str, *arguments: Any) -> Callable[[], Any]:
    """A reference, imported (and torch with it) when it is made."""

    def make() -> Any:
        references = importlib.import_module(f"playmate_jax.converters.references.{module}")
        return getattr(references, name)(*arguments)

    return make


def _smooth(x: np.ndarray) -> np.ndarray:
    """An image or volume (b, c, ...) of noise without what changes from cell to cell, at its RMS:
    W samples between cells, and white noise would turn the last bits of a place into an error."""
    rms = np.sqrt(np.mean(np.square(x)))
    for axis in range(2, x.ndim):
        for _ in range(4):
            x = (x + np.roll(x, 1, axis)) / 2
    return (x * (rms / np.sqrt(np.mean(np.square(x))))).astype(np.float32)


def _inputs(**drawn: tuple[tuple[int, ...], str]) -> Callable[[], list[np.ndarray]]:
    return lambda: [
        synthetic_weights.network_input(name, shape, SEED, kind)
        for name, (shape, kind) in drawn.items()
    ]
