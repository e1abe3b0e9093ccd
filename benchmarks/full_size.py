"""Times W, G and the motion denoiser's train step at full size on CPU, against PyTorch references.

    make bench        (sets the allocator's environment; takes some minutes)

Both sides run in one process and alternate strictly, in both orders; float32, batch 1 for W and G,
batch 8 with dropout and Adam for the train step. Prints the median of each side and the ratio of
times PyTorch / JAX: above 1, JAX is faster. Needs torch (extra "convert").
"""

import argparse
import os
import statistics
import time
from collections.abc import Callable

os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jax
import jax.numpy as jnp
import numpy as np
import optax
import torch

from playmate_jax.converters.liveportrait.reference_renderer import SpadeReference, WarpingReference
from playmate_jax.converters.playmate.reference_generator import GeneratorReference
from playmate_jax.models import motion_model, renderer
from playmate_jax.models.motion_denoiser import MotionDenoiser, MotionDenoiserConfig
from playmate_jax.models.renderer import RendererConfig
from playmate_jax.models.spade import SpadeDecoder
from playmate_jax.models.warping import WarpingNetwork

Side = Callable[[], object]
TRAIN_BATCH, LEARNING_RATE = 8, 1e-4


def noise(*shape: int) -> np.ndarray:
    """Normal noise of the given shape, float32."""
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


def constant(tree):
    """A tree of constants in the shapes of `tree`: faster to make than random numbers."""
    return jax.tree.map(lambda leaf: jnp.full(leaf.shape, 0.01, leaf.dtype), tree)


def warping() -> tuple[Side, Side]:
    """W on one frame: the PyTorch reference, and ours."""
    config = RendererConfig()
    f = config.appearance
    volume, points = noise(1, f.volume_channels, f.volume_depth, 64, 64), 0.3 * noise(1, 21, 3)
    reference = WarpingReference(config.warping, f.volume_channels, f.volume_depth).eval()
    theirs = [torch.from_numpy(x) for x in (volume, points, -points)]
    variables = constant(renderer.shapes(config)["warping"])
    ours = [jnp.asarray(x) for x in (np.moveaxis(volume, 1, -1), points, -points)]
    apply = jax.jit(lambda v, *inputs: WarpingNetwork(config.warping).apply(v, *inputs)["out"])
    return _no_gradient(reference, theirs), lambda: apply(variables, *ours).block_until_ready()


def spade() -> tuple[Side, Side]:
    """G on one frame: the PyTorch reference, and ours."""
    config = RendererConfig()
    feature = noise(1, config.warping.out_channels, 64, 64)
    reference = SpadeReference(config.spade, config.warping.out_channels).eval()
    variables = constant(renderer.shapes(config)["spade"])
    ours = jnp.asarray(np.moveaxis(feature, 1, -1))
    apply = jax.jit(SpadeDecoder(config.spade).apply)
    theirs = _no_gradient(reference, [torch.from_numpy(feature)])
    return theirs, lambda: apply(variables, ours).block_until_ready()


def train_step() -> tuple[Side, "CompiledStep"]:
    """One train step of the paper-size denoiser (Eq. 7, Adam): the PyTorch reference, and ours."""
    config = MotionDenoiserConfig()
    b, w = TRAIN_BATCH, config.window
    arrays = [
        noise(b, w.length, 70),
        noise(b, w.previous, 70),
        noise(b, w.total, config.speech_size),
        noise(b, config.identity_size),
        np.arange(b, dtype=np.int32),
        np.ones(b, bool),
        np.ones(b, bool),
        np.ones((b, w.length), bool),
    ]
    target = noise(b, w.length, 70)
    return _torch_step(config, arrays, target), _jax_step(config, arrays, target)


def _torch_step(config: MotionDenoiserConfig, arrays: list[np.ndarray], target: np.ndarray) -> Side:
    reference = GeneratorReference(config).train()
    adam = torch.optim.Adam(reference.parameters(), lr=LEARNING_RATE)
    inputs = [torch.from_numpy(x) for x in arrays]
    goal = torch.from_numpy(target)

    def step() -> float:
        adam.zero_grad(set_to_none=True)
        loss = torch.nn.functional.mse_loss(reference(*inputs), goal)
        loss.backward()
        adam.step()
        return loss.item()

    return step


def _jax_step(
    config: MotionDenoiserConfig, arrays: list[np.ndarray], target: np.ndarray
) -> "CompiledStep":
    tx = optax.adam(LEARNING_RATE)
    network = MotionDenoiser(config)
    tree = jax.eval_shape(lambda k: motion_model.init_generator(config, k), jax.random.key(0))
    params = constant(tree)
    inputs, goal = [jnp.asarray(x) for x in arrays], jnp.asarray(target)

    def step(params, state, key):
        key, dropout = jax.random.split(key)
        seeds = jax.random.bits(dropout, (TRAIN_BATCH,))

        def loss(params):
            output = network.apply({"params": params}, *inputs, seeds)
            return jnp.mean(jnp.square(output - goal))

        value, gradients = jax.value_and_grad(loss)(params)
        updates, state = tx.update(gradients, state)
        return optax.apply_updates(params, updates), state, key, value

    carry = [params, tx.init(params), jax.random.key(0)]
    return CompiledStep(jax.jit(step, donate_argnums=(0, 1, 2)).lower(*carry).compile(), carry)


class CompiledStep:
    """A compiled step and what it carries on; a call does one step and returns the loss."""

    def __init__(self, compiled: jax.stages.Compiled, carry: list):
        self.compiled, self.carry = compiled, carry

    def __call__(self) -> float:
        *self.carry, value = self.compiled(*self.carry)
        return float(value)


def _no_gradient(module: torch.nn.Module, inputs: list[torch.Tensor]) -> Side:
    def run() -> object:
        with torch.no_grad():
            return module(*inputs)

    return run


def alternate(theirs: Side, ours: Side, rounds: int) -> tuple[list[float], list[float]]:
    """Seconds per call of both sides, run as A B A B ... and then B A B A ..., as order matters."""
    times: dict[int, list[float]] = {0: [], 1: []}
    for order in ((0, 1), (1, 0)):
        for _ in range(rounds):
            for side in order:
                start = time.perf_counter()
                (theirs, ours)[side]()
                times[side].append(time.perf_counter() - start)
    return times[0], times[1]


def main() -> None:
    """Prints one line for each of the pieces."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--rounds", type=int, default=3, help="rounds in each order (default 3)")
    parser.add_argument("--only", default="", help="only pieces whose name contains this text")
    options = parser.parse_args()
    torch.set_num_threads(os.cpu_count() or 1)
    print(f"{os.cpu_count()} CPUs, torch {torch.__version__}, jax {jax.__version__}, float32")
    print(f"{'piece':28}{'PyTorch s':>10}{'JAX s':>10}{'PyTorch / JAX':>15}{'compile s':>11}")
    pieces = {
        "W, one frame": warping,
        "G, one frame": spade,
        f"train step, batch {TRAIN_BATCH}": train_step,
    }
    for name, build in pieces.items():
        if options.only not in name:
            continue
        start = time.perf_counter()
        theirs, ours = build()
        ours()
        compile_s = time.perf_counter() - start
        theirs()
        a, b = (statistics.median(times) for times in alternate(theirs, ours, options.rounds))
        print(f"{name:28}{a:10.3f}{b:10.3f}{a / b:15.2f}{compile_s:11.1f}", flush=True)


if __name__ == "__main__":
    main()
