"""Times W and G at full size on CPU in several engines: ours, PyTorch's two, and two for ONNX.

    python benchmarks/engines.py --json engines.json      (extras "convert" and "onnx")

One frame, batch 1, float32, all in one process by turns, in both orders. `folded` and `plain` are
our two forms, `PyTorch` is the reference run eagerly, `compiled` the same by torch.compile,
`onnxruntime` and `OpenVINO` run the file that `playmate export onnx` writes. Prints the medians as
Markdown, and how far each side with our weights is from `plain`, in standard deviations of its
image; PyTorch's sides have weights of their own. An engine that is not installed is left out.
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from typing import Any

os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jax
import numpy as np
import torch

from benchmarks import full_size
from playmate_jax.benchmark.machine import cpu_name, host_peak_mib, usable_cpus
from playmate_jax.benchmark.recorded import fallen, read_ratios, verdict
from playmate_jax.converters.to_onnx import check, files
from playmate_jax.converters.to_onnx.networks import drawing
from playmate_jax.converters.to_onnx.translation import translate
from playmate_jax.models.renderer import RendererConfig

Draw = Callable[[], Any]
SIDES = ("folded", "plain", "PyTorch", "compiled", "onnxruntime", "OpenVINO")
CHECKED = "engines, W and G in a row, float32, folded"
OWN_WEIGHTS = ("PyTorch", "compiled")


@contextmanager
def builders(config: RendererConfig) -> Iterator[dict[str, Callable[[], Draw]]]:
    """By side, what builds a function that draws one frame; ONNX's file exists within."""
    pairs = full_size.sides(config)

    def in_a_row(name: str) -> Draw:
        warp, draw = pairs[name]()
        return lambda: (warp(), draw())[1]

    with tempfile.TemporaryDirectory() as folder:
        path = cache(lambda: _file(config, Path(folder) / "warping_spade.onnx"))
        yield {
            **{name: partial(in_a_row, name) for name in ("folded", "plain", "PyTorch")},
            "compiled": lambda: _compiled(config),
            "onnxruntime": lambda: _onnxruntime(config, path()),
            "OpenVINO": lambda: _openvino(config, path()),
        }


def _file(config: RendererConfig, path: Path) -> Path:
    network = drawing(config, full_size.random_weights(config), 1)
    translation = translate(network.function, network.params, network.inputs, network.name)
    files.write(files.model_of(translation, network.name, network.meaning), path)
    return path


def _given(config: RendererConfig) -> dict[str, np.ndarray]:
    return dict(zip(("volume", "x_s", "x_d"), full_size.inputs_of(config), strict=True))


def _compiled(config: RendererConfig) -> Draw:
    warping, decoder, inputs = full_size.references(config)
    whole = torch.compile(lambda *given: decoder(warping(*given)["out"]))

    def draw() -> np.ndarray:
        with torch.inference_mode():
            return whole(*inputs).numpy()

    return draw


def _onnxruntime(config: RendererConfig, path: Path) -> Draw:
    session = check.session(path)
    given = _given(config)
    return lambda: session.run(None, given)[0]


def _openvino(config: RendererConfig, path: Path) -> Draw:
    import openvino

    # float32 is asked for: some processors would compute in bfloat16
    compiled = openvino.Core().compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    given = _given(config)
    return lambda: np.array(compiled(given)[0])


def measured(config: RendererConfig, names: Sequence[str], rounds: int) -> dict[str, Any]:
    """Seconds, differences and what was left out, by side.

    Returns:
      {"sides": {name: {"wall_s", "cpu_s", "first_s", "difference"}}, "left_out": {name: reason}}
    """
    built: dict[str, Draw] = {}
    found: dict[str, Any] = {"sides": {}, "left_out": {}}
    images: dict[str, np.ndarray] = {}
    with builders(config) as builds:
        for name in names:
            began = time.perf_counter()
            try:
                built[name] = builds[name]()
                images[name] = np.asarray(built[name]())
            # not installed, or refused
            except (ImportError, RuntimeError, AttributeError) as error:
                built.pop(name, None)
                found["left_out"][name] = f"{type(error).__name__}: {error}".splitlines()[0][:200]
                continue
            found["sides"][name] = {"first_s": time.perf_counter() - began}
        for name, times in _alternated(built, rounds).items():
            wall, cpu = (statistics.median(column) for column in zip(*times, strict=True))
            found["sides"][name] |= {"wall_s": wall, "cpu_s": cpu}
    for name, row in found["sides"].items():
        known = "plain" in images and name not in OWN_WEIGHTS
        row["difference"] = check.error(images[name], images["plain"]) if known else None
    return found


def _alternated(built: dict[str, Draw], rounds: int) -> dict[str, list[tuple[float, float]]]:
    """(wall, CPU) seconds of every side in every round of both orders."""
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in built}
    for order in (list(built), list(reversed(built))):
        for _ in range(rounds):
            for name in order:
                began = time.perf_counter(), time.process_time()
                built[name]()
                times[name].append((time.perf_counter() - began[0], time.process_time() - began[1]))
    return times


def markdown(found: dict[str, Any]) -> str:
    """A table with one line for each side, the fastest by wall clock first."""
    lines = [
        "| engine | wall s | CPU s | first call s | difference from plain / std |",
        "|---|---|---|---|---|",
    ]
    for name, row in sorted(found["sides"].items(), key=lambda item: item[1]["wall_s"]):
        seconds = " | ".join(f"{row[key]:.3f}" for key in ("wall_s", "cpu_s", "first_s"))
        difference = "own weights" if row["difference"] is None else f"{row['difference']:.1e}"
        lines.append(f"| {name} | {seconds} | {difference} |")
    lines += [f"| {name} | left out: {why} | | | |" for name, why in found["left_out"].items()]
    return "\n".join(lines)


def main() -> None:
    """Prints the table, and writes all of it as JSON where asked to."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--rounds", type=int, default=3, help="rounds in each order (default 3)")
    parser.add_argument("--only", nargs="+", choices=SIDES, default=SIDES, help="these engines")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    parser.add_argument(
        "--check", type=Path, metavar="FILE", help="fail where a ratio fell: benchmarks/ratios.json"
    )
    options = parser.parse_args()
    before = read_ratios(options.check) if options.check else None
    if before is not None and "folded" not in options.only:
        parser.error("expected folded among --only with --check, which compares others with it")
    torch.set_num_threads(usable_cpus())
    machine = {
        "cpu": cpu_name(), "cpus": usable_cpus(), "load": os.getloadavg()[0],
        "torch": torch.__version__, "jax": jax.__version__,
    }  # fmt: skip
    print(", ".join(f"{key} {value}" for key, value in machine.items()), flush=True)
    found = measured(RendererConfig(), options.only, options.rounds)
    print(markdown(found))
    print(f"largest resident memory {host_peak_mib() or 0:.0f} MiB")
    if options.json:
        options.json.write_text(json.dumps({"machine": machine, **found}, indent=1) + "\n")
    if before is not None:
        ours = found["sides"]["folded"]["wall_s"]
        ratios = {name: row["wall_s"] / ours for name, row in found["sides"].items()}
        print(verdict(before, CHECKED, ratios, cpu_name(), usable_cpus()))
        if fallen(before, CHECKED, ratios):
            raise SystemExit(1)


if __name__ == "__main__":
    main()
