"""`playmate export onnx WEIGHTS --out DIR`: networks as ONNX files, and how far they agree."""

import argparse
from pathlib import Path


def onnx(args: argparse.Namespace) -> int:
    """Runs `playmate export onnx`; returns its exit code."""
    from playmate_jax.converters.to_onnx.check import LIMIT
    from playmate_jax.converters.to_onnx.export import export

    done = export(
        args.weights, Path(args.out), tuple(args.networks or ()), args.batch, args.overwrite,
        say=lambda line: print(line, flush=True),
    )  # fmt: skip
    if done.checked:
        width = max(len(f"{row.network} {row.output}") for row in done.agreements)
        print(f"{'output':{width}}  max |onnxruntime - JAX| / std")
        for row in done.agreements:
            print(f"{f'{row.network} {row.output}':{width}}  {row.error:.1e}")
        print(f"all below {LIMIT:.0e}")
    else:
        print("not checked: 'pip install onnxruntime' and export again")
    for path in done.written:
        print(f"written: {path}")
    return 0
