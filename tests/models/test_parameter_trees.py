"""Every network's tree of names and shapes, at full and at demo size, frozen as text in trees/.

A changed tree breaks weights on disk and conversion tables, so it must be a decision: run with
PLAYMATE_WRITE_TREES=1 to write the files anew, and read the diff.
"""

import dataclasses
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import pytest
from flax.traverse_util import flatten_dict

from playmate_jax.models import joyvasa, motion_model, renderer, syncnet, wav2vec2
from playmate_jax.models.discriminator import MultiScaleDiscriminator
from playmate_jax.models.efficientnet import EfficientNet
from playmate_jax.models.emotion import EmotionConfig
from playmate_jax.models.hopenet import Hopenet
from playmate_jax.models.i3d import I3D
from playmate_jax.models.inception import Inception
from playmate_jax.models.iresnet import DEPTHS, IResNet, IResNetConfig
from playmate_jax.models.joyvasa import DenoiserConfig
from playmate_jax.models.lpips import LPIPS, WIDTHS, LPIPSConfig
from playmate_jax.models.motion_model import MotionModelConfig
from playmate_jax.models.renderer import RendererConfig
from playmate_jax.models.s3fd import S3FD
from playmate_jax.models.small import emotion_classifier, sync_net
from playmate_jax.models.small.emotion_classifier import EmotionClassifierConfig
from playmate_jax.models.small.sync_net import SmallSyncConfig
from playmate_jax.models.syncnet import SyncNetConfig
from playmate_jax.models.vgg19 import VGG19
from playmate_jax.models.wav2vec2 import Wav2Vec2Config
from playmate_jax.training import load_config

TREES = Path(__file__).parent / "trees"
CONFIGS = Path(__file__).resolve().parents[2] / "configs"
KEY = jax.random.key(0)


def generator_tree(config: MotionModelConfig) -> Any:
    return jax.eval_shape(lambda key: motion_model.init_generator(config.generator, key), KEY)


def controller_tree(config: MotionModelConfig) -> Any:
    return jax.eval_shape(lambda key: motion_model.init_emotion(config, key), KEY)


def image_tree(network: nn.Module) -> Any:
    return jax.eval_shape(network.init, KEY, jnp.zeros((1, 256, 256, 3)))


def iresnet_tree(config: IResNetConfig) -> Any:
    return jax.eval_shape(IResNet(config).init, KEY, jnp.zeros((1, 112, 112, 3)))


def lpips_tree(trunk: str) -> Any:
    image = jnp.zeros((1, 64, 64, 3))
    return jax.eval_shape(LPIPS(LPIPSConfig(trunk, WIDTHS[trunk])).init, KEY, image, image)


def demo_motion_model() -> MotionModelConfig:
    model = load_config(CONFIGS / "demo_stage1.py").model
    emotion = load_config(CONFIGS / "demo_stage2.py").emotion
    return dataclasses.replace(model, emotion=emotion)


# Name of the file -> the tree of shapes, nothing computed.
NETWORKS: dict[str, Callable[[], Any]] = {
    **{
        name: lambda name=name: renderer.shapes(RendererConfig())[name]
        for name in ("appearance", "motion", "warping", "spade")
    },
    **{
        name: lambda name=name: renderer.retargeting_shapes(RendererConfig())[name]
        for name in ("stitching", "eyes", "lips")
    },
    "wav2vec2": lambda: wav2vec2.shapes(Wav2Vec2Config())["params"],
    "joyvasa": lambda: joyvasa.shapes(DenoiserConfig())["params"],
    "vgg19": lambda: image_tree(VGG19()),
    "discriminator": lambda: image_tree(MultiScaleDiscriminator()),
    "hopenet": lambda: image_tree(Hopenet()),
    **{
        name: lambda depths=depths: iresnet_tree(IResNetConfig(depths))
        for name, depths in DEPTHS.items()
    },
    **{f"lpips_{trunk}": lambda trunk=trunk: lpips_tree(trunk) for trunk in WIDTHS},
    "fid_inception": lambda: image_tree(Inception()),
    "emotion_efficientnet_b0": lambda: image_tree(EfficientNet()),
    "i3d": lambda: jax.eval_shape(I3D().init, KEY, jnp.zeros((1, 9, 224, 224, 3))),
    "s3fd": lambda: image_tree(S3FD()),
    "syncnet": lambda: syncnet.shapes(SyncNetConfig()),
    "generator": lambda: generator_tree(MotionModelConfig()),
    "emotion_controller": lambda: controller_tree(MotionModelConfig(emotion=EmotionConfig())),
    "demo_renderer": lambda: renderer.shapes(load_config(CONFIGS / "demo_face_space.py").renderer),
    "demo_generator": lambda: generator_tree(demo_motion_model()),
    "demo_emotion_classifier": lambda: emotion_classifier.shapes(EmotionClassifierConfig()),
    "demo_sync": lambda: sync_net.shapes(SmallSyncConfig()),
    "demo_emotion_controller": lambda: controller_tree(demo_motion_model()),
}


def as_text(tree: Any) -> str:
    """One line per leaf: path, shape, type; sorted."""
    leaves = flatten_dict(tree, sep="/")
    lines = [f"{path} {tuple(leaf.shape)} {leaf.dtype}" for path, leaf in sorted(leaves.items())]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("name", NETWORKS)
def test_names_and_shapes_are_the_frozen_ones(name):
    text, file = as_text(NETWORKS[name]()), TREES / f"{name}.txt"
    if os.environ.get("PLAYMATE_WRITE_TREES"):
        file.write_text(text)
    assert text == file.read_text()


def test_every_frozen_tree_has_a_network():
    assert {file.stem for file in TREES.glob("*.txt")} == set(NETWORKS)
