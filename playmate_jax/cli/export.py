"""`playmate export onnx|jax WEIGHTS --out DIR`: networks as files, and how far they agree."""

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playmate_jax.converters.to_onnx.check import Agreement


def onnx(args: argparse.Namespace) -> int:
    """Runs `playmate export onnx`; returns its exit code."""
    from playmate_jax.converters.to_onnx.check import LIMIT
    from playmate_jax.converters.to_onnx.export import export

    done = export(
        args.weights, Path(args.out), tuple(args.networks or ()), args.batch, args.overwrite,
        say=lambda line: print(line, flush=True),
    )  # fmt: skip
    why = None if done.checked else "'pip install onnxruntime' and export again"
    _report(done.agreements, done.written, "onnxruntime - JAX", LIMIT, why)
    return 0


def jax(args: argparse.Namespace) -> int:
    """Runs `playmate export jax`; returns its exit code."""
    from playmate_jax.converters.to_jax.export import export
    from playmate_jax.converters.to_onnx.check import LIMIT

    done = export(
        args.weights, Path(args.out), tuple(args.networks or ()), tuple(args.platforms),
        args.overwrite, say=lambda line: print(line, flush=True),
    )  # fmt: skip
    why = None if done.checked else f"this machine has none of {', '.join(args.platforms)}"
    _report(done.agreements, done.written, "program - module", LIMIT, why)
    return 0


def _report(
    agreements: Sequence["Agreement"],
    written: Iterable[Path],
    difference: str,
    limit: float,
    not_checked: str | None,
) -> None:
    if not_checked is None:
        width = max(len(f"{row.network} {row.output}") for row in agreements)
        print(f"{'output':{width}}  max |{difference}| / std")
        for row in agreements:
            print(f"{f'{row.network} {row.output}':{width}}  {row.error:.1e}")
        print(f"all below {limit:.0e}")
    else:
        print(f"not checked: {not_checked}")
    for path in written:
        print(f"written: {path}")
