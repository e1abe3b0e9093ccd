"""Times W and G at full size on CPU, against PyTorch references.

    make bench        (sets the allocator's environment; takes some minutes)

Both sides run in one process and alternate strictly, in both orders; float32, one frame. Prints the
median of each side and the ratio of times PyTorch / JAX: above 1, JAX is faster. Needs torch (extra
"convert"). The training step has a command: `playmate benchmark train`.
"""

import argparse
import os
from collections.abc import Callable

os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jax
import jax.numpy as jnp
import numpy as np
import torch

from playmate_jax.benchmark.machine import usable_cpus
from playmate_jax.benchmark.sides import Side, alternate, median, ratios, seconds_of
from playmate_jax.converters.liveportrait.reference_renderer import SpadeReference, WarpingReference
from playmate_jax.models import renderer
from playmate_jax.models.renderer import RendererConfig
from playmate_jax.models.spade import SpadeDecoder
from playmate_jax.models.warping import WarpingNetwork

Call = Callable[[], object]


def noise(*shape: int) -> np.ndarray:
    """Normal noise of the given shape, float32."""
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


def constant(tree):
    """A tree of constants in the shapes of `tree`: faster to make than random numbers."""
    return jax.tree.map(lambda leaf: jnp.full(leaf.shape, 0.01, leaf.dtype), tree)


def warping() -> tuple[Call, Call]:
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


def spade() -> tuple[Call, Call]:
    """G on one frame: the PyTorch reference, and ours."""
    config = RendererConfig()
    feature = noise(1, config.warping.out_channels, 64, 64)
    reference = SpadeReference(config.spade, config.warping.out_channels).eval()
    variables = constant(renderer.shapes(config)["spade"])
    ours = jnp.asarray(np.moveaxis(feature, 1, -1))
    apply = jax.jit(SpadeDecoder(config.spade).apply)
    theirs = _no_gradient(reference, [torch.from_numpy(feature)])
    return theirs, lambda: apply(variables, ours).block_until_ready()


def _no_gradient(module: torch.nn.Module, inputs: list[torch.Tensor]) -> Call:
    def run() -> object:
        with torch.no_grad():
            return module(*inputs)

    return run


def main() -> None:
    """Prints one line for each of the pieces."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--rounds", type=int, default=3, help="rounds in each order (default 3)")
    parser.add_argument("--only", default="", help="only pieces whose name contains this text")
    options = parser.parse_args()
    torch.set_num_threads(usable_cpus())
    print(f"{usable_cpus()} CPUs, torch {torch.__version__}, jax {jax.__version__}, float32")
    print(f"{'piece':28}{'PyTorch s':>10}{'JAX s':>10}{'PyTorch / JAX':>15}{'compile s':>11}")
    for name, build in {"W, one frame": warping, "G, one frame": spade}.items():
        if options.only not in name:
            continue
        theirs, ours = (Side(side, "", call) for side, call in zip("ab", build(), strict=True))
        compile_s = seconds_of(ours)
        seconds_of(theirs)
        times = alternate([theirs, ours], options.rounds)
        ratio = ratios(times, "b")["a"][-1]
        a, b = median(times["a"]), median(times["b"])
        print(f"{name:28}{a:10.3f}{b:10.3f}{ratio:15.2f}{compile_s:11.1f}", flush=True)


if __name__ == "__main__":
    main()
