"""One training step of stages 1 and 2 in PyTorch: what ours is timed against.

It does the work of the step that training runs (training/stage1.py, stage2.py): diffusion noise and
step drawn per window, noise on the previous motion (Eq. 9), conditions dropped at random, dropout,
the loss over valid frames with the parts that are logged, backward, clipping by the global norm,
Adam with its schedule, EMA. Where PyTorch has several ways, the fastest that is usual: fused Adam,
EMA over all tensors in one call, scaled_dot_product_attention, autocast for bfloat16.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping

import jax.numpy as jnp
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from playmate_jax.converters.playmate.reference import MotionModelReference
from playmate_jax.losses.motion import LossConfig
from playmate_jax.losses.motion_draws import CONDITIONS
from playmate_jax.models.motion_model import MotionModelConfig
from playmate_jax.motion.layout import EXPRESSION, MOTION_SIZE, POSE
from playmate_jax.motion.previous_noise import STEPS
from playmate_jax.training.optimizer import OptimizerConfig, schedule

VERSION = torch.__version__
Batch = Mapping[str, Tensor]


def set_up(threads: int, gpu: bool) -> str:
    """Lets PyTorch use this many threads and, on GPUs, TF32 for float32 products, as XLA does by
    default.

    Returns:
      the device to train on: the first GPU where `gpu` asks for it and PyTorch finds one.
    """
    torch.set_num_threads(threads)
    torch.set_float32_matmul_precision("high")
    return "cuda" if gpu and torch.cuda.is_available() else "cpu"


@dataclasses.dataclass
class Draws:
    """The random numbers of a step, for b windows: as `losses/motion_draws.py` has them, without
    the dropout's.

    Attributes:
      step, previous_step: diffusion steps (b,) of the motion and of the previous motion.
      noise, previous_noise: normal, in the shapes of motion and previous motion.
      chances: (b, 3) in [0, 1): below its dropout a condition is dropped.
    """

    step: Tensor
    previous_step: Tensor
    noise: Tensor
    previous_noise: Tensor
    chances: Tensor


class TrainReference:
    """Parameters, EMA and optimiser of one stage; `step` updates them in place.

    Args:
      stage: 1 trains the generator; 2 the emotion controller, and the generator is frozen, without
        dropout.
      loss: its weights; only the paper's loss, with no further terms, is there.
      total_steps: of the run that the learning rate's schedule belongs to.
      precision: "float32", or "bfloat16" for autocast.
      compiled: whether the loss goes through `torch.compile`.

    Raises:
      ValueError: a loss or an optimiser with parts that this reference has not.
    """

    def __init__(
        self,
        model: MotionModelConfig,
        optimizer: OptimizerConfig,
        loss: LossConfig,
        *,
        stage: int,
        total_steps: int,
        device: str = "cpu",
        precision: str = "float32",
        compiled: bool = False,
    ):
        _refuse(model, optimizer, loss)
        self.config, self.optimizer, self.weights = model, optimizer, loss
        self.device, self.precision, self.stage = torch.device(device), precision, stage
        with self.device:
            self.model = MotionModelReference(model).train()
            betas = torch.linspace(
                model.schedule.first_beta, model.schedule.last_beta, model.schedule.n_steps,
                dtype=torch.float64,
            )  # fmt: skip
            self.alphas_bar = torch.cumprod(1 - betas, 0).float()
            self.pose_weights = torch.ones(MOTION_SIZE)
            self.dropout = torch.tensor([getattr(loss, f"{name}_dropout") for name in CONDITIONS])
        self.pose_weights[POSE] = loss.pose_weight if stage == 1 else 0.0
        if stage == 2:  # noqa: PLR2004
            self.model.generator.eval().requires_grad_(False)
        learning = self.model.generator if stage == 1 else self.model.emotion
        self.learning = list(learning.parameters())
        self.ema = [p.detach().clone() for p in self.learning]
        rates = schedule(optimizer, total_steps)(jnp.arange(total_steps))
        self.adam = torch.optim.Adam(
            self.learning, lr=1.0, betas=(optimizer.b1, optimizer.b2), eps=optimizer.eps, fused=True
        )
        self._rates: list[float] = np.asarray(rates).tolist()  # no call of JAX inside a step
        self.count = 0
        self._loss = torch.compile(self.loss) if compiled else self.loss

    def batch(self, arrays: Mapping[str, object]) -> dict[str, Tensor]:
        """A `MotionBatch` of numpy arrays on the device."""
        return {name: torch.as_tensor(x).to(self.device) for name, x in arrays.items()}

    def wait(self) -> None:
        """Returns when the device has done everything it was given."""
        if self.device.type == "cuda":
            torch.cuda.synchronize()

    def memory(self) -> dict[str, float]:
        """The device's peak of memory, as "device_peak_mib", where it has its own."""
        if self.device.type != "cuda":
            return {}
        return {"device_peak_mib": torch.cuda.max_memory_allocated() / 2**20}

    def draws(self, batch: Batch) -> Draws:
        """Random numbers for one step, from PyTorch's own generator."""
        b = len(batch["motion"])
        return Draws(
            step=torch.randint(0, self.config.schedule.n_steps, (b,)),
            previous_step=torch.randint(0, STEPS, (b,)),
            noise=torch.randn_like(batch["motion"]),
            previous_noise=torch.randn_like(batch["previous_motion"]),
            chances=torch.rand(b, len(CONDITIONS)),
        )

    def loss(self, batch: Batch, draws: Draws) -> dict[str, Tensor]:
        """The loss (Eq. 7) over valid frames as "loss", and its parts."""
        alpha_bar = self.alphas_bar[draws.step][:, None, None]
        x0, valid = batch["motion"], batch["valid"]
        x = alpha_bar.sqrt() * x0 + (1 - alpha_bar).sqrt() * draws.noise
        alpha_bar = self.alphas_bar[draws.previous_step][:, None, None]
        level = 1 - alpha_bar
        level = level.sqrt() if self.weights.previous_noise == "ddpm" else level
        previous = alpha_bar.sqrt() * batch["previous_motion"] + level * draws.previous_noise
        has_speech, has_emotion, has_previous = (draws.chances >= self.dropout).T
        inputs = (
            x, previous, batch["speech"], batch["identity"], draws.step,
            has_speech, batch["has_previous"] & has_previous, valid,
            batch["emotion"] * has_emotion[:, None, None],
        )  # fmt: skip
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bfloat16"):
            output = self._output(*inputs)
        error = F.mse_loss(output.float(), draws.noise, reduction="none")
        weights = self.pose_weights / self.pose_weights.mean()
        return {
            "loss": _masked_mean(error * weights, valid),
            "expression_error": _masked_mean(error[..., EXPRESSION].detach(), valid),
            "pose_error": _masked_mean(error[..., POSE].detach(), valid),
        }

    def step(self, batch: Batch) -> dict[str, Tensor]:
        """One step with random numbers of its own; the loss and its parts. Does not wait for the
        device."""
        with self.device:
            return self.step_with(batch, self.draws(batch))

    def step_with(self, batch: Batch, draws: Draws) -> dict[str, Tensor]:
        """One step with given random numbers; the loss and its parts."""
        c = self.optimizer
        self.adam.zero_grad(set_to_none=True)
        parts = self._loss(batch, draws)
        parts["loss"].backward()
        torch.nn.utils.clip_grad_norm_(self.learning, c.clip_norm)
        for group in self.adam.param_groups:
            group["lr"] = self._rates[min(self.count, len(self._rates) - 1)]
        self.adam.step()
        decay = min(c.ema_decay, (1 + self.count) / (10 + self.count))
        torch._foreach_lerp_(self.ema, [p.detach() for p in self.learning], 1 - decay)
        self.count += 1
        return {name: value.detach() for name, value in parts.items()}

    def _output(self, *inputs: Tensor) -> Tensor:
        if self.stage == 1:
            return self.model.generator(*inputs[:-1])
        return self.model(*inputs)


def _masked_mean(error: Tensor, valid: Tensor) -> Tensor:
    """Mean of (b, t, m) over valid frames (b, t) and all m numbers."""
    valid = valid.to(error.dtype)
    return (error.mean(-1) * valid).sum() / valid.sum().clamp(min=1)


def _missing(
    model: MotionModelConfig, optimizer: OptimizerConfig, loss: LossConfig
) -> Iterator[str]:
    """What a configuration asks for and the reference has not."""
    if model.generator.prediction != "noise":
        yield f"the prediction '{model.generator.prediction}'"
    if loss.velocity_weight or loss.pose_velocity_weight or loss.readout_weight:
        yield "terms beside Eq. 7"
    if loss.snr_limit != 1:
        yield "weights by signal-to-noise ratio"
    if optimizer.weight_decay or optimizer.rates:
        yield "weight decay or learning rates by name"


def _refuse(model: MotionModelConfig, optimizer: OptimizerConfig, loss: LossConfig) -> None:
    if missing := list(_missing(model, optimizer, loss)):
        raise ValueError(f"the PyTorch reference has not {' nor '.join(missing)}")
