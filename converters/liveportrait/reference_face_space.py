"""One training step of F, M, W, G and the discriminators in PyTorch: what ours is held to.

The step of training/portraits.py, written from the papers: each network is called once a pass, so
that BatchNorm's statistics and the spectral norms' vectors move once; the discriminators are judged
with their parameters from before the step. What is random (the deformation of the equivariance
loss) is given.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from playmate_jax.converters.discriminator.reference import DiscriminatorReference
from playmate_jax.converters.liveportrait import reference_losses as losses
from playmate_jax.converters.liveportrait import reference_motion as motions
from playmate_jax.converters.liveportrait.reference_portrait import (
    AppearanceReference,
    MotionReference,
)
from playmate_jax.converters.liveportrait.reference_regions import Box, crop, face_and_lips
from playmate_jax.converters.liveportrait.reference_renderer import SpadeReference, WarpingReference
from playmate_jax.converters.rules import Rule, Table
from playmate_jax.converters.torch_files import to_tensors
from playmate_jax.converters.vgg19.reference import VGG19Reference
from playmate_jax.losses.keypoints import GUIDED
from playmate_jax.models.discriminator import DiscriminatorConfig
from playmate_jax.models.renderer import RendererConfig
from playmate_jax.models.vgg19 import VGG19Config

WHOLE, PARTS = "whole", {"face": 2, "lips": 4}  # a region's crop is a part of the image's side
Arrays = dict[str, np.ndarray]
Views = dict[str, Tensor]  # the image and crops of it, by name


class Pairs(NamedTuple):
    """b pairs of frames of one person each, source and driving.

    Attributes:
      source, driving: what F and M take, (b, 3, h, w) in [0, 1].
      wanted: the driving frames at the size that G draws, (b, 3, H, W).
      degrees_source, degrees_driving: true pitch, yaw and roll (b, 3).
      landmarks_source, landmarks_driving: in the image's [-1, 1] convention, (b, 468, 2).
      has_landmarks: which rows have any, (b,).
      keypoints_driving: x of Eq. 1 by the data's own motion, (b, 21, 3).
      affine, bend: of the equivariance loss's deformation.
    """

    source: Tensor
    driving: Tensor
    wanted: Tensor
    degrees_source: Tensor
    degrees_driving: Tensor
    landmarks_source: Tensor
    landmarks_driving: Tensor
    has_landmarks: Tensor
    keypoints_driving: Tensor
    affine: Tensor
    bend: Tensor


class FaceSpaceReference:
    """F, M, W and G, the discriminators by what they see, and VGG19, which is frozen.

    Args:
      weights: of the terms that count, by name; without "transfer" each pair is drawn once.
      regions: "face" and "lips", as far as they have a discriminator and a perceptual term.
    """

    def __init__(
        self,
        renderer: RendererConfig,
        discriminator: DiscriminatorConfig,
        vgg19: VGG19Config,
        weights: Mapping[str, float],
        regions: tuple[str, ...] = (),
    ):
        f, w = renderer.appearance, renderer.warping
        self.generator = nn.ModuleDict({
            "appearance": AppearanceReference(f),
            "motion": MotionReference(renderer.motion),
            "warping": WarpingReference(w, f.volume_channels, f.volume_depth),
            "spade": SpadeReference(renderer.spade, w.out_channels),
        }).train()  # fmt: skip
        alone = dataclasses.replace(discriminator, scales=1)
        self.discriminators = nn.ModuleDict({
            WHOLE: DiscriminatorReference(discriminator),
            **{name: DiscriminatorReference(alone) for name in regions},
        }).train()  # fmt: skip
        self.vgg19 = VGG19Reference(vgg19).requires_grad_(False)
        self.weights, self.regions = weights, regions

    def load(self, state: Mapping[str, Arrays]) -> None:
        """Takes state dicts of "generator", "discriminators" (names begin with the network's) and
        "vgg19"."""
        for name, own in state.items():
            getattr(self, name).load_state_dict(to_tensors(own))

    def forward(self, pairs: Pairs) -> tuple[dict[str, Tensor], Views, Views]:
        """The generator's terms by name, without their weights, and what the discriminators judge:
        the wanted and the drawn image."""
        b, transfers = len(pairs.source), "transfer" in self.weights
        deformation = losses.Deformation(pairs.affine, pairs.bend)
        both = torch.cat([pairs.source, pairs.driving])
        seen = torch.cat([both, deformation.image(pairs.driving)])
        motion = motions.motion_of(self.generator["motion"](seen))
        s, d, deformed = (motion.rows(n * b, (n + 1) * b) for n in range(3))
        volume = self.generator["appearance"](both if transfers else pairs.source)
        x_s, x_d = motions.driven_keypoints(s, d)
        rows = [(volume[:b], x_s, x_d)]
        if transfers:
            rows.append((volume[:b], *motions.pose_transferred(s, d)))
            rows.append((volume[b:], *motions.expression_transferred(s, d)))
        inputs = [torch.cat(parts) for parts in zip(*rows, strict=True)]
        images = self.generator["spade"](self.generator["warping"](*inputs)["out"])

        boxes = face_and_lips(pairs.landmarks_driving, pairs.has_landmarks, pairs.keypoints_driving)
        wanted, drawn = (self.views(x, boxes) for x in (pairs.wanted, images[:b]))
        real, fake = self.judged(wanted, drawn)
        compared = [losses.perceptual(self.vgg19, drawn[name], wanted[name]) for name in drawn]
        found = {
            "perceptual": torch.stack(compared).sum(),
            "adversarial": losses.hinge_generator(fake),
            "feature_matching": losses.feature_matching(real, fake),
            "equivariance": losses.equivariance(
                motions.own_keypoints(d), motions.own_keypoints(deformed), deformation
            ),
            "keypoint_prior": losses.keypoint_prior(x_d),
            "deformation_prior": losses.deformation_prior(motion.delta[: 2 * b]),
            "head_pose": losses.head_pose(
                motion.degrees[: 2 * b], torch.cat([pairs.degrees_source, pairs.degrees_driving])
            ),
            "guide": losses.landmark_guide(
                torch.cat([x_s, x_d]),
                torch.cat([pairs.landmarks_source, pairs.landmarks_driving]),
                pairs.has_landmarks.repeat(2),
                GUIDED,
            ),
        }
        if transfers:
            found["transfer"] = losses.transfer(self.vgg19, images[b : 2 * b], images[2 * b :])
        return found, wanted, drawn

    def views(self, image: Tensor, boxes: Mapping[str, Box]) -> Views:
        """The image and its regions, by name."""
        cut = {n: crop(image, boxes[n], image.shape[2] // PARTS[n]) for n in self.regions}
        return {WHOLE: image, **cut}

    def judged(self, wanted: Views, drawn: Views) -> tuple[losses.Judgement, losses.Judgement]:
        """Judgements of both, each discriminator in one call; scales of all of them in a row."""
        real, fake = [], []
        for name, discriminator in self.discriminators.items():
            for logits, features in discriminator(torch.cat([wanted[name], drawn[name]])):
                for own, half in ((real, 0), (fake, 1)):
                    own.append((logits.chunk(2)[half], [x.chunk(2)[half] for x in features]))
        return real, fake

    def gradients(
        self, pairs: Pairs
    ) -> tuple[dict[str, Tensor], dict[str, Tensor], dict[str, Tensor]]:
        """The terms with "loss" and "discriminator", then the gradients of both passes by
        parameter; leaves the statistics as they are after a step."""
        self.discriminators.requires_grad_(False)
        found, wanted, drawn = self.forward(pairs)
        found["loss"] = torch.stack([w * found[name] for name, w in self.weights.items()]).sum()
        generator = _gradients(found["loss"], self.generator)
        self.discriminators.requires_grad_(True)
        real, fake = self.judged(wanted, {name: x.detach() for name, x in drawn.items()})
        found["discriminator"] = losses.hinge_discriminator(real, fake)
        discriminator = _gradients(found["discriminator"], self.discriminators)
        return {name: x.detach() for name, x in found.items()}, generator, discriminator


def _gradients(loss: Tensor, module: nn.Module) -> dict[str, Tensor]:
    names, parameters = zip(*module.named_parameters(), strict=True)
    values = torch.autograd.grad(loss, parameters, materialize_grads=True)
    return dict(zip(names, values, strict=True))


def step_of(
    sizes: tuple[RendererConfig, DiscriminatorConfig, VGG19Config, Mapping[str, float], tuple],
    states: Mapping[str, Arrays],
    tables: Mapping[str, Table],
    pairs: Arrays,
    dtype: str,
) -> tuple[dict[str, float], Arrays, Arrays]:
    """The terms of a step, and the gradients and statistics after it by our leaves' names.

    Args:
      sizes: the reference's arguments.
      states, tables: state dicts and rules of "generator", "discriminators" and "vgg19".
      pairs: fields of `Pairs`, images channels last.
      dtype: "float32" or "float64", in which all is computed.
    """

    def tensor(x: np.ndarray) -> Tensor:
        x = np.moveaxis(x, -1, 1) if x.ndim == 4 else x  # noqa: PLR2004
        return torch.from_numpy(np.array(x, None if x.dtype == bool else dtype, order="C"))

    before = torch.get_default_dtype()
    torch.set_default_dtype(getattr(torch, dtype))
    try:
        made = FaceSpaceReference(*sizes)
        made.load(states)
        terms, *gradients = made.gradients(Pairs(**{k: tensor(x) for k, x in pairs.items()}))
    finally:
        torch.set_default_dtype(before)
    by_leaf: tuple[Arrays, Arrays] = ({}, {})
    for name, own in zip(("generator", "discriminators"), gradients, strict=True):
        buffers = dict(getattr(made, name).named_buffers())
        for leaves, tensors in zip(by_leaf, (own, buffers), strict=True):
            leaves.update(_in_flax(tables[name], tensors))
    return {name: x.item() for name, x in terms.items()}, *by_leaf


def _in_flax(table: Table, tensors: Mapping[str, Tensor]) -> Arrays:
    rules = [entry for entry in table if isinstance(entry, Rule) and entry.source in tensors]
    return {rule.target: rule.op.forward(tensors[rule.source].numpy(force=True)) for rule in rules}
