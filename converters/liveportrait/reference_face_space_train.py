"""Training of the face space in PyTorch: what our step is timed against.

It does the work of training/portraits.py without augmentation: bytes to images of two sizes, the
passes of `reference_face_space.py`, clipping by the global norm, Adam with its schedule and EMA of
both sides. Where PyTorch has several ways, the fastest that is usual: fused Adam, EMA over all
tensors in one call.
"""

from __future__ import annotations

from collections.abc import Mapping

import jax.numpy as jnp
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from playmate_jax.converters.liveportrait import reference_motion as motions
from playmate_jax.converters.liveportrait.reference_face_space import FaceSpaceReference, Pairs
from playmate_jax.losses.keypoints import AFFINE_STD, BEND_STD
from playmate_jax.motion.layout import ANGLES
from playmate_jax.training.optimizer import OptimizerConfig, schedule

VERSION = torch.__version__


def set_up(threads: int) -> None:
    """Lets PyTorch use this many threads."""
    torch.set_num_threads(threads)


def tensors(batch: Mapping[str, object]) -> dict[str, Tensor]:
    """A `PairBatch` of numpy arrays."""
    return {name: torch.as_tensor(x) for name, x in batch.items()}


class Learner:
    """The optimiser of one side's networks, and their EMA."""

    def __init__(self, module: nn.Module, config: OptimizerConfig, total_steps: int):
        self.config, self.count = config, 0
        self.parameters = dict(module.named_parameters())
        self.ema = [p.detach().clone() for p in self.parameters.values()]
        rates = schedule(config, total_steps)(jnp.arange(total_steps))
        self._rates: list[float] = np.asarray(rates).tolist()  # no call of JAX inside a step
        self.adam = torch.optim.Adam(
            self.parameters.values(), lr=1.0, betas=(config.b1, config.b2), eps=config.eps,
            fused=True,
        )  # fmt: skip

    def update(self, gradients: Mapping[str, Tensor]) -> None:
        """One step of Adam, then the EMA."""
        own = list(self.parameters.values())
        for name, parameter in self.parameters.items():
            parameter.grad = gradients[name]
        nn.utils.clip_grad_norm_(own, self.config.clip_norm)
        for group in self.adam.param_groups:
            group["lr"] = self._rates[min(self.count, len(self._rates) - 1)]
        self.adam.step()
        self.adam.zero_grad(set_to_none=True)
        decay = min(self.config.ema_decay, (1 + self.count) / (10 + self.count))
        torch._foreach_lerp_(self.ema, [p.detach() for p in own], 1 - decay)
        self.count += 1


class FaceSpaceTraining:
    """The reference with its two optimisers; `step` updates it in place.

    Args:
      size: of the image that F and M take.
    """

    def __init__(
        self,
        reference: FaceSpaceReference,
        size: int,
        generator: OptimizerConfig,
        discriminators: OptimizerConfig,
        total_steps: int,
    ):
        self.reference, self.size = reference, size
        self.generator = Learner(reference.generator, generator, total_steps)
        self.discriminators = Learner(reference.discriminators, discriminators, total_steps)

    def step(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """One step on a `PairBatch` of tensors with images of the size that G draws (b, h, w, 3);
        its terms."""
        terms, *gradients = self.reference.gradients(self.pairs(batch))
        for learner, own in zip((self.generator, self.discriminators), gradients, strict=True):
            learner.update(own)
        return terms

    def pairs(self, batch: Mapping[str, Tensor]) -> Pairs:
        """Bytes as floats, small images, and a random deformation."""
        images = [batch[name].movedim(-1, 1) / 255.0 for name in ("source", "driving")]
        source, driving = (
            F.interpolate(x, size=(self.size,) * 2, mode="bilinear", antialias=True) for x in images
        )
        b, side = images[0].shape[0], images[0].shape[2]
        landmarks = (batch[f"landmarks_{name}"] * (2 / side) - 1 for name in ("source", "driving"))
        return Pairs(
            source,
            driving,
            images[1],
            *(batch[f"motion_{name}"][:, ANGLES] for name in ("source", "driving")),
            *landmarks,
            batch["has_landmarks"],
            motions.stored_keypoints(batch["identity"], batch["motion_driving"]),
            torch.eye(2, 3) + AFFINE_STD * torch.randn(b, 2, 3),
            BEND_STD * torch.randn(b, 25),
        )
