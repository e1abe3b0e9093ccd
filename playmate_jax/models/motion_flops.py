"""FLOPs of the motion model by part, from its sizes alone: the denominator of MFU is measured, the
numerator is this.

Counted are matrix products, attention's two products and the depthwise convolutions, two
operations (multiply, add) each. Not counted, as everywhere where MFU is given (Chowdhery et al.
2022, appendix B): elementwise functions, norms, softmax, the optimiser, and what rematerialisation
computes a second time. A backward pass does the forward's products once for the gradient of the
parameters and once for the gradient of the inputs; layers that read the batch itself need no
gradient of their inputs, and frozen layers none of their parameters.
"""

import dataclasses

from playmate_jax.models.emotion import EmotionConfig
from playmate_jax.models.motion_denoiser import MotionDenoiserConfig
from playmate_jax.models.motion_model import MotionModelConfig
from playmate_jax.motion.layout import EMOTIONS, EXPRESSION_SIZE, MOTION_SIZE, POSE_SIZE

STEP_EMBEDDING = 128  # numbers that a diffusion step is embedded in, in both networks


@dataclasses.dataclass(frozen=True)
class Products:
    """FLOPs of the matrix products of a part, in one forward pass.

    Attributes:
      forward: all of them.
      of_batch: those whose input is the batch itself.
    """

    forward: float
    of_batch: float = 0.0

    def trained(self) -> float:
        """Forward and backward, with the gradient of the part's parameters and of its inputs."""
        return 3 * self.forward - self.of_batch

    def frozen(self) -> float:
        """Forward and backward through frozen parameters: no gradient of these."""
        return 2 * self.forward


def generator_products(config: MotionDenoiserConfig, batch: int) -> dict[str, Products]:
    """The motion denoiser's FLOPs by part, for `batch` windows."""
    c, d, n = config, config.width, config.condition_width
    window, frames = batch * c.window.length, batch * c.window.total
    layers = c.layers
    return {
        "motion_projection": _mlp(frames, MOTION_SIZE, d, d, reads_batch=True),
        "speech_projection": _mlp(frames, c.speech_size, d, d, reads_batch=True),
        "identity_projection": _mlp(batch, c.identity_size, n, n, reads_batch=True),
        "step_projection": _mlp(batch, STEP_EMBEDDING, d, n, reads_batch=True),
        "speech_alignment": Products(_attention(batch, c.window.total, d)),
        "mix": Products(_dense(frames, 2 * d + 2 * n, d)),
        "conformer/feed_forward": Products(
            2 * layers * _mlp(frames, d, c.feed_forward, d).forward
        ),
        "conformer/attention": Products(layers * _attention(batch, c.window.total, d)),
        "conformer/pointwise": Products(layers * (_dense(frames, d, 2 * d) + _dense(frames, d, d))),
        "conformer/depthwise": Products(layers * 2.0 * frames * d * c.kernel_size),
        "expression_head": _mlp(window, d, 2 * d, EXPRESSION_SIZE),
        "pose_head": _mlp(window, d, d, POSE_SIZE),
    }  # fmt: skip


def emotion_products(
    config: EmotionConfig, generator: MotionDenoiserConfig, batch: int
) -> dict[str, Products]:
    """The emotion controller's FLOPs by part, for `batch` windows."""
    c, d, total = config.condition_width, generator.width, generator.window.total
    frames = batch * total
    return {
        "emotion_projection": _mlp(frames, len(EMOTIONS), c, c, reads_batch=True),
        "emotion_step_projection": _mlp(batch, STEP_EMBEDDING, c, c, reads_batch=True),
        "blocks/modulation": Products(config.blocks * _dense(frames, c, 6 * d)),
        "blocks/attention": Products(config.blocks * _attention(batch, total, d)),
        "blocks/mlp": Products(config.blocks * _mlp(frames, d, config.mlp_ratio * d, d).forward),
    }


def forward_flops(config: MotionModelConfig, batch: int) -> dict[str, float]:
    """FLOPs by part of one evaluation of the model on `batch` windows, the controller included
    where the model has one."""
    parts = generator_products(config.generator, batch)
    if config.emotion is not None:
        parts |= emotion_products(config.emotion, config.generator, batch)
    return {name: part.forward for name, part in parts.items()}


def stage1_flops(config: MotionModelConfig, batch: int) -> dict[str, float]:
    """FLOPs by part of a training step of stage 1 on `batch` windows: every parameter learns."""
    parts = generator_products(config.generator, batch)
    return {name: part.trained() for name, part in parts.items()}


def stage2_flops(config: MotionModelConfig, batch: int) -> dict[str, float]:
    """FLOPs by part of a training step of stage 2 on `batch` windows.

    The controller learns. The gradient reaches it through the frozen Exp-MLP; the rest of stage 1
    is evaluated forward alone.

    Raises:
      ValueError: the model has no controller.
    """
    if config.emotion is None:
        raise ValueError("expected a model with an emotion controller, found one without")
    flops = {
        name: part.frozen() if name == "expression_head" else part.forward
        for name, part in generator_products(config.generator, batch).items()
    }
    learning = emotion_products(config.emotion, config.generator, batch)
    return flops | {name: part.trained() for name, part in learning.items()}


def _dense(rows: int, inputs: int, outputs: int) -> float:
    return 2.0 * rows * inputs * outputs


def _mlp(rows: int, inputs: int, hidden: int, outputs: int, reads_batch: bool = False) -> Products:
    first = _dense(rows, inputs, hidden)
    return Products(first + _dense(rows, hidden, outputs), first if reads_batch else 0.0)


def _attention(batch: int, frames: int, width: int) -> float:
    """Projections of queries, keys, values and output, and the two products over time."""
    projections = _dense(batch * frames, width, 4 * width)
    return projections + 2 * 2.0 * batch * frames * frames * width
