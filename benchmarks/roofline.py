"""How near each network comes to the machine's limits: FLOPs, bytes, time, shares of both rates.

    python benchmarks/roofline.py --json roofline.json     (full size; Makefile's MALLOC variables)
    python benchmarks/roofline.py --weights demo           (sizes of weights)

FLOPs and bytes are XLA's cost analysis of the compiled program: elementwise work counts one FLOP an
element, bytes are all that the program's fused operations read and write, caches not considered. A
convolution counted by hand says whether XLA's figure can be believed here. The limits are measured
in the same run: the rate of one large matrix product, and of adding 1 to an array that no cache
holds. Over FLOPs and bytes they give the least time, `roof`: below the ridge (FLOP a byte) memory
is the limit, above it arithmetic. All parts take turns, and the medians are shown.
"""

import argparse
import dataclasses
import json
import os
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from playmate_jax.benchmark.machine import cpu_name, usable_cpus
from playmate_jax.configs import paper_stage1
from playmate_jax.configuration import from_values
from playmate_jax.hub.bundles import find_bundle
from playmate_jax.hub.weights import load_weights
from playmate_jax.models import motion_model, renderer, wav2vec2
from playmate_jax.models.folded import renderer as folded_renderer
from playmate_jax.models.folded import spade as folded_spade
from playmate_jax.models.motion_model import MotionModelConfig
from playmate_jax.models.renderer import RendererConfig
from playmate_jax.models.wav2vec2 import Wav2Vec2, Wav2Vec2Config
from playmate_jax.parallel.peak import measured_rate

SPEECH_S = 4  # of audio for the speech encoder: a window of the motion denoiser
COPIED = 1 << 26  # float32 numbers of the array that memory's rate is measured on
HAND = 0.01  # by how much XLA's FLOPs of a convolution may differ from those by hand
PARTS = ("F", "M", "W", "G", "W folded", "G folded", "denoiser step", "speech encoder")
HEADINGS = (
    "part", "GFLOP", "MB", "FLOP/B", "ms", "GFLOP/s", "matrix %", "GB/s", "roof ms", "roof %",
    "limit",
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Part:
    """One network, to be compiled with its inputs; what it is given is on the device."""

    name: str
    function: Callable[..., Any]
    arguments: tuple[Any, ...]


@dataclasses.dataclass(frozen=True)
class Cost:
    """What XLA says of a compiled program.

    Attributes:
      loops: whose bodies it counts once, however often they run.
      calls: of functions outside of XLA, whose work it does not count.
    """

    flops: float
    bytes: float
    loops: int
    calls: int


def cost_of(compiled: jax.stages.Compiled) -> Cost:
    """The cost of a compiled program."""
    found, text = compiled.cost_analysis(), compiled.as_text() or ""
    loops, calls = text.count(" while("), text.count(" custom-call(")
    return Cost(float(found["flops"]), float(found["bytes accessed"]), loops, calls)


def convolution_by_hand() -> tuple[float, float]:
    """FLOPs of a convolution of 3 x 3 taps on 64 x 64 cells, 32 to 48 channels: by hand, by XLA.

    By hand: 64 cells see 3 taps along an axis, less one at each end, which is padding.
    """
    convolve = partial(
        lax.conv_general_dilated, window_strides=(1, 1), padding="SAME",
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )  # fmt: skip
    x, kernel = jnp.ones((1, 64, 64, 32)), jnp.ones((3, 3, 32, 48))
    compiled = jax.jit(convolve).lower(x, kernel).compile()
    return 2.0 * (3 * 64 - 2) ** 2 * 32 * 48, cost_of(compiled).flops


def memory_rate() -> float:
    """Bytes a second read and written in adding 1 to a large array: the fastest of some calls."""
    add, x = jax.jit(lambda x: x + 1), jnp.zeros(COPIED, jnp.float32)
    add(x).block_until_ready()
    times = []
    for _ in range(7):
        began = time.perf_counter()
        add(x).block_until_ready()
        times.append(time.perf_counter() - began)
    return 2 * x.nbytes / min(times)


def parts_of(
    drawing: RendererConfig | None,
    motion: MotionModelConfig | None,
    speech: Wav2Vec2Config | None,
    only: Sequence[str] = PARTS,
) -> Iterator[Part]:
    """The parts of networks of these sizes, one frame or window each, with fresh weights."""
    key = jax.random.key(0)
    if drawing is not None and {*PARTS[:6]} & {*only}:
        yield from (part for part in _renderer(drawing, key, only) if part.name in only)
    if motion is not None and "denoiser step" in only:
        layers = motion.generator.layers  # a loop's body would be counted once
        motion = dataclasses.replace(
            motion, generator=dataclasses.replace(motion.generator, unroll=layers)
        )
        params = {"generator": motion_model.init_generator(motion.generator, key)}
        yield Part(
            "denoiser step", partial(motion_model.output, motion),
            (params, *motion_model.example_inputs(motion.generator)),
        )  # fmt: skip
    if speech is not None and "speech encoder" in only:
        network, audio = Wav2Vec2(speech), jax.random.normal(key, (1, SPEECH_S * 16_000))
        params = jax.tree.map(
            lambda x: jax.random.normal(key, x.shape) * 0.02, wav2vec2.shapes(speech)
        )
        yield Part("speech encoder", lambda p, x: network.apply(p, x)[-1], (params, audio))


def _renderer(config: RendererConfig, key: jax.Array, only: Sequence[str]) -> Iterator[Part]:
    params, modules = renderer.init(config, key), renderer.networks(config)
    of_source, of_driving = jax.random.split(key)
    image = jax.random.uniform(key, (1, config.image_size, config.image_size, 3))
    x_s, x_d = (0.3 * jax.random.normal(k, (1, 21, 3)) for k in (of_source, of_driving))
    yield Part("F", partial(renderer.encode, config), (params, image))
    yield Part("M", partial(renderer.extract_motion, config), (params, image))
    if not {*PARTS[2:6]} & {*only}:
        return
    features = renderer.encode(config, params, image)
    warp = modules.warping.apply
    given = (params["warping"], features["volume"], x_s, x_d)
    yield Part("W", warp, given)
    shapes = jax.eval_shape(warp, *given)
    warped = jax.tree.map(lambda x: jax.random.normal(key, x.shape), shapes)
    inputs = renderer.decoder_inputs(config, features, warped, x_d)
    yield Part("G", lambda p, x: modules.spade.apply(p, **x), (params["spade"], inputs))
    if config.small or not {*PARTS[4:6]} & {*only}:
        return
    folded = folded_renderer.fold(config, params, jax.default_backend())
    source = folded_renderer.source_side(config, folded, features, x_s)
    yield Part(
        "W folded", partial(folded_renderer.warped, config.warping),
        (folded["warping"], source, x_d),
    )  # fmt: skip
    yield Part(
        "G folded", partial(folded_spade.frames, config.spade), (folded["spade"], warped["out"])
    )


def measured(parts: Sequence[Part], rounds: int) -> dict[str, dict[str, Any]]:
    """By part: its cost, and seconds of every round, in turns forwards and backwards."""
    compiled, found = {}, {}
    for part in parts:
        began = time.perf_counter()
        compiled[part.name] = jax.jit(part.function).lower(*part.arguments).compile()
        took = time.perf_counter() - began
        cost = dataclasses.asdict(cost_of(compiled[part.name]))
        found[part.name] = {**cost, "compile_s": took, "seconds": []}
        jax.block_until_ready(compiled[part.name](*part.arguments))
        print(f"{part.name}: compiled in {took:.1f} s", flush=True)
    for n in range(2 * rounds):
        for part in parts if n < rounds else list(reversed(parts)):
            began = time.perf_counter()
            jax.block_until_ready(compiled[part.name](*part.arguments))
            found[part.name]["seconds"].append(time.perf_counter() - began)
    return found


def row(figures: dict[str, Any], matrix: float, memory: float) -> dict[str, Any]:
    """What follows from a part's cost and times, and from the machine's rates (FLOP/s, bytes/s)."""
    seconds = statistics.median(figures["seconds"])
    flops, moved = figures["flops"], figures["bytes"]
    roof = max(flops / matrix, moved / memory)
    return {
        "intensity": flops / moved,
        "median_s": seconds,
        "flops_per_s": flops / seconds,
        "matrix_share": flops / seconds / matrix,
        "bytes_per_s": moved / seconds,
        "roof_s": roof,
        "roof_share": roof / seconds,
        "limit": "arithmetic" if flops / matrix >= moved / memory else "memory",
    }


def table(found: dict[str, dict[str, Any]]) -> str:
    """Markdown, a line for each part. A star marks work that XLA does not count in full."""
    lines = ["| " + " | ".join(HEADINGS) + " |", "|" + "---|" * len(HEADINGS)]
    for name, x in found.items():
        star = "*" if x["loops"] or x["calls"] else ""
        cells = (
            name + star, f"{x['flops'] / 1e9:.2f}", f"{x['bytes'] / 1e6:.0f}",
            f"{x['intensity']:.1f}", f"{x['median_s'] * 1e3:.1f}",
            f"{x['flops_per_s'] / 1e9:.1f}", f"{x['matrix_share']:.0%}",
            f"{x['bytes_per_s'] / 1e9:.1f}", f"{x['roof_s'] * 1e3:.1f}",
            f"{x['roof_share']:.0%}", x["limit"],
        )  # fmt: skip
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _sizes(
    weights: str | None,
) -> tuple[RendererConfig | None, MotionModelConfig | None, Wav2Vec2Config | None]:
    """LivePortrait's, the paper's and wav2vec2-base's, or those of weights."""
    if weights is None:
        return RendererConfig(), paper_stage1.config().model, Wav2Vec2Config()
    drawing, motion = None, None
    for part, folder in find_bundle(weights).items():
        values, _, _ = load_weights(folder)
        if part == "renderer":
            drawing = renderer.config_from(values, str(folder))
        elif values.get("kind") == "playmate":
            own = {name: value for name, value in values.items() if name != "kind"}
            motion = from_values(MotionModelConfig, own, str(folder))
    return drawing, motion, None


def main() -> None:
    """Prints the table, and writes all of it as JSON where asked to."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--weights", help="sizes of these weights (default: the paper's)")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS, help="only these")
    parser.add_argument("--rounds", type=int, default=3, help="in each order (3)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    given = parser.parse_args()
    machine = {"cpu": cpu_name(), "cpus": usable_cpus(), "jax": jax.__version__,
               "device": jax.devices()[0].device_kind, "load": os.getloadavg()[0]}  # fmt: skip
    print(", ".join(f"{key} {value}" for key, value in machine.items()), flush=True)
    by_hand, by_xla = convolution_by_hand()
    print(f"a convolution: {by_hand / 1e6:.3f} MFLOP by hand, {by_xla / 1e6:.3f} by XLA")
    if abs(by_xla - by_hand) > HAND * by_hand:
        raise SystemExit("XLA's cost analysis counts convolutions otherwise here: no figures")
    rates = [(measured_rate("float32"), memory_rate())]
    found = measured(list(parts_of(*_sizes(given.weights), given.parts)), given.rounds)
    rates.append((measured_rate("float32"), memory_rate()))
    matrix, memory = (max(column) for column in zip(*rates, strict=True))
    found = {name: {**x, **row(x, matrix, memory)} for name, x in found.items()}
    print(
        f"matrix rate {matrix / 1e9:.0f} GFLOP/s, memory {memory / 1e9:.1f} GB/s, ridge "
        f"{matrix / memory:.1f} FLOP/B"
    )
    print(table(found))
    if given.json:
        limits = {"matrix_flops_per_s": matrix, "memory_bytes_per_s": memory}
        text = json.dumps({"machine": machine, "limits": limits, "parts": found}, indent=1)
        given.json.write_text(text + "\n", "utf-8")


if __name__ == "__main__":
    main()
