"""Times W and G at full size on CPU: the plain form, the folded form and the PyTorch reference.

    make bench        (sets the allocator's environment; takes some minutes)

All sides run in one process and take turns, in both orders; float32, one frame: W, then G on what
W gave. Prints each side's medians and how many times as long PyTorch takes, by wall clock and by
CPU time, which says more on a machine that others use; and how far the folded form is from the
plain one with random weights, in standard deviations of the plain one's output. Needs torch (extra
"convert"). The training step has a command: `playmate benchmark train`.
"""

import argparse
import os
import statistics
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jax
import jax.numpy as jnp
import numpy as np
import torch
from flax.traverse_util import flatten_dict, unflatten_dict

from playmate_jax.benchmark.machine import cpu_name, host_peak_mib, usable_cpus
from playmate_jax.benchmark.recorded import Recorded, fallen, read_ratios, verdict
from playmate_jax.converters.liveportrait.reference_renderer import SpadeReference, WarpingReference
from playmate_jax.models import renderer
from playmate_jax.models.folded import renderer as folded_renderer
from playmate_jax.models.folded import spade as folded_spade
from playmate_jax.models.renderer import RendererConfig

Call = Callable[[], np.ndarray]
PIECES = ("W", "G", "W + G")


def noise(*shape: int) -> np.ndarray:
    """Normal noise of the given shape, float32."""
    return np.random.default_rng(len(shape)).standard_normal(shape, np.float32)


def random_weights(config: RendererConfig) -> dict[str, Any]:
    """W and G with activations near unit size, norms away from rest, and spectral vectors that
    three power iterations found."""
    rng, filled = np.random.default_rng(0), {}
    shapes = {name: renderer.shapes(config)[name] for name in ("warping", "spade")}
    for path, leaf in flatten_dict(shapes).items():
        drawn = rng.standard_normal(leaf.shape, np.float32)
        if path[-1] == "kernel":
            drawn *= (2 * leaf.shape[-1] / leaf.size) ** 0.5
        elif path[-1] == "var":
            drawn = np.exp(0.3 * drawn)
        elif path[-1] != "v":
            drawn = (path[-1] == "scale") + 0.1 * drawn
        filled[path] = drawn
    for path in [path for path in filled if path[-1] == "v"]:
        _, _, *module, _ = path
        kernel = filled[("spade", "params", *module, "kernel")]
        matrix, v = kernel.reshape(-1, kernel.shape[-1]), filled[path].reshape(-1)
        for _ in range(3):
            u = matrix.T @ (v / np.linalg.norm(v))
            v = matrix @ (u / np.linalg.norm(u))
        filled[path] = (v / np.linalg.norm(v)).reshape(filled[path].shape)
        filled[(*path[:-1], "u")] = u / np.linalg.norm(u)
    return unflatten_dict(filled)


def inputs_of(config: RendererConfig) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """One source's volume, its keypoints and the driving ones, as W takes them."""
    f = config.appearance
    side = config.image_size >> f.halvings
    volume = noise(1, f.volume_depth, side, side, f.volume_channels)
    return volume, 0.3 * noise(1, 21, 3), 0.3 * noise(1, 21, 3)[:, ::-1].copy()


def references(
    config: RendererConfig,
) -> tuple[torch.nn.Module, torch.nn.Module, list[torch.Tensor]]:
    """PyTorch's W and G, with weights of their own, and W's inputs."""
    f = config.appearance
    volume, source, driving = inputs_of(config)
    warping = WarpingReference(config.warping, f.volume_channels, f.volume_depth).eval()
    decoder = SpadeReference(config.spade, config.warping.out_channels).eval()
    channels_first = np.ascontiguousarray(np.moveaxis(volume, -1, 1))
    return warping, decoder, [torch.from_numpy(x) for x in (channels_first, source, driving)]


def sides(config: RendererConfig) -> dict[str, Callable[[], tuple[Call, Call]]]:
    """By name, what builds W and G of one side: G takes what W gave last."""
    volume, source, driving = inputs_of(config)
    weights = random_weights(config)
    modules = renderer.networks(config)

    def pytorch() -> tuple[Call, Call]:
        reference, decoder, inputs = references(config)
        given: list[torch.Tensor] = []

        def warp() -> None:
            with torch.inference_mode():
                given[:] = [reference(*inputs)["out"]]

        def draw() -> None:
            with torch.inference_mode():
                decoder(*given)

        return warp, draw

    def ours(warp: Callable[[], jax.Array], draw: Callable[[jax.Array], jax.Array]):
        given: list[jax.Array] = []

        def first() -> np.ndarray:
            given[:] = [warp().block_until_ready()]
            return np.asarray(given[0])

        return first, lambda: np.asarray(draw(given[0]))

    def plain() -> tuple[Call, Call]:
        w = jax.jit(lambda p, *x: modules.warping.apply(p, *x)["out"])
        g = jax.jit(modules.spade.apply)
        p = jax.device_put(weights)
        inputs = [jnp.asarray(x) for x in (volume, source, driving)]
        return ours(lambda: w(p["warping"], *inputs), partial(g, p["spade"]))

    def folded() -> tuple[Call, Call]:
        began = time.process_time()
        p = folded_renderer.fold(config, weights, "cpu")
        print(f"folding took {time.process_time() - began:.1f} s of CPU time", flush=True)
        features, points = {"volume": jnp.asarray(volume)}, jnp.asarray(driving)
        seen = folded_renderer.source_side(config, p, features, jnp.asarray(source))
        return ours(
            lambda: folded_renderer.warped(config.warping, p["warping"], seen, points),
            partial(folded_spade.frames, config.spade, p["spade"]),
        )

    return {"PyTorch": pytorch, "plain": plain, "folded": folded}


def timed(calls: tuple[Call, Call]) -> tuple[np.ndarray, list[np.ndarray]]:
    """((wall, CPU) seconds of W, of G, of both: (3, 2)), and what the two gave."""
    at, given = [(time.perf_counter(), time.process_time())], []
    for call in calls:
        given.append(call())
        at.append((time.perf_counter(), time.process_time()))
    pieces = np.diff(np.array(at), axis=0)
    return np.concatenate([pieces, pieces.sum(0, keepdims=True)]), given


def main() -> None:
    """Prints one line for each piece of each side."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--rounds", type=int, default=3, help="rounds in each order (default 3)")
    parser.add_argument("--only", default="", help="PyTorch and this side only: plain or folded")
    parser.add_argument(
        "--check", type=Path, metavar="FILE", help="fail where a ratio fell: benchmarks/ratios.json"
    )
    options = parser.parse_args()
    before = read_ratios(options.check) if options.check else None
    torch.set_num_threads(usable_cpus())
    print(f"{cpu_name()}, {usable_cpus()} CPUs, load {os.getloadavg()[0]:.1f}")
    print(f"torch {torch.__version__}, jax {jax.__version__}, float32, one frame", flush=True)
    built: dict[str, tuple[Call, Call]] = {}
    given: dict[str, list[np.ndarray]] = {}
    for name, build in sides(RendererConfig()).items():
        if options.only not in ("", name) and name != "PyTorch":
            continue
        built[name] = build()
        first, given[name] = timed(built[name])
        wall, cpu = first[-1]
        print(f"{name}: first call {wall:.1f} s, {cpu:.1f} s of CPU time", flush=True)
    _print_errors(given)
    found = alternated(built, options.rounds)
    print(f"{'':10}{'piece':8}{'wall s':>9}{'CPU s':>9}{'PyTorch / it':>14}{'by CPU time':>13}")
    for name, times in found.items():
        for n, piece in enumerate(PIECES):
            (wall, cpu), (wall_0, cpu_0) = times[n], found["PyTorch"][n]
            ratios = f"{wall_0 / wall:14.2f}{cpu_0 / cpu:13.2f}"
            print(f"{name:10}{piece:8}{wall:9.3f}{cpu:9.3f}{ratios}")
    print(f"largest resident memory {host_peak_mib() or 0:.0f} MiB")
    if before is not None:
        check(before, found)


def check(before: Recorded, found: Mapping[str, np.ndarray]) -> None:
    """Compares ratios by wall clock with recorded ones; ends the program where one has fallen."""
    fell: list[str] = []
    for name in found.keys() - {"PyTorch"}:
        title = f"W and G, one frame, float32, {name}"
        ratios = {
            f"PyTorch, {piece}": float(found["PyTorch"][n, 0] / found[name][n, 0])
            for n, piece in enumerate(PIECES)
        }
        print(verdict(before, title, ratios, cpu_name(), usable_cpus()))
        fell += fallen(before, title, ratios)
    if fell:
        raise SystemExit(1)


def alternated(built: Mapping[str, tuple[Call, Call]], rounds: int) -> dict[str, np.ndarray]:
    """By side, the median (wall, CPU) seconds of each piece over the rounds of both orders."""
    times: dict[str, list[np.ndarray]] = {name: [] for name in built}
    for order in (list(built), list(reversed(built))):
        for n in range(rounds):
            for name in order:
                seconds, _ = timed(built[name])
                times[name].append(seconds)
                told = ", ".join(f"{p} {s[1]:.2f}" for p, s in zip(PIECES, seconds, strict=True))
                print(f"round {n + 1}, {name}: CPU s {told}", flush=True)
    return {
        name: np.array([[statistics.median(x) for x in zip(*piece)] for piece in zip(*found)])
        for name, found in times.items()
    }


def _print_errors(given: Mapping[str, list[np.ndarray]]) -> None:
    if not {"plain", "folded"} <= given.keys():
        return
    for piece, plain, folded in zip(PIECES, given["plain"], given["folded"]):
        error = abs(plain - folded).max() / plain.std()
        print(f"{piece}: folded and plain differ by {error:.1e} of the standard deviation at most")


if __name__ == "__main__":
    main()
