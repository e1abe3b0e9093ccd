"""Every ported network against recorded outputs of its PyTorch original.

    python -m playmate_jax.converters.parity GOLDEN --seed 0

GOLDEN is a directory as `golden.py` describes it. Each network goes through its rule table, there
and back, and runs in float32. The table shows per file the worst error relative to its output's
standard deviation, whether PyTorch -> Flax -> PyTorch was exact to the bit, and the first output
that diverges. Exits with 1 when any does.

Where torch is installed, W and G in a row are held to float64: two float32 programs differ by the
roundings of both, which that chain amplifies, so ours has to be at least as close to the truth as
PyTorch's own. Two of LPIPS's terms, too nearly equal for the two recorded pairs to be measured in
float32, are computed in float64 on both sides. `--float64` compares that alone, for which no
recording of the seed is needed (one of another has to be there).
"""

import argparse
import sys
import time
from collections.abc import Collection, Mapping

import jax

from playmate_jax.converters import torch_files
from playmate_jax.converters.golden import TOLERANCE, Port, Precision, Reference
from playmate_jax.converters.registry import FAMILIES
from playmate_jax.errors import UserError

PORTS: dict[str, Port] = {name: port for f in FAMILIES for name, port in f.ports.items()}


def report(reference: Reference, ports: Mapping[str, Port], only: str = "") -> bool:
    """Print the table; whether every ported network agrees and converts exactly.

    Args:
      only: recordings whose name contains this.

    Raises:
      UserError: no recording's name does.
    """
    files = [file for file in reference.files() if only in file]
    if not files:
        raise UserError(
            f"expected a recording whose name contains {only!r}, found "
            f"{', '.join(reference.files()) or 'none at all'}: choose one of those"
        )
    print(f"{'recording':28}{'worst error':>12}  {'round trip':11}{'seconds':>8}  first divergence")
    passed, diverging = True, set()
    for file in files:
        if file not in ports:
            print(f"{file:28}{'not ported':>12}", flush=True)
            continue
        reference.round_trips.clear()
        start = time.perf_counter()
        comparisons = reference.compare(file, ports[file](reference))
        seconds = time.perf_counter() - start
        worst = max(comparison.error for comparison in comparisons)
        exact = all(reference.round_trips.values())
        beyond = [c for c in comparisons if not c.error <= TOLERANCE]
        first = " ".join(map(str, beyond[0])) if beyond else "none"
        trip = "exact" if exact else "INEXACT"
        print(f"{file:28}{worst:12.1e}  {trip:11}{seconds:8.1f}  {first}", flush=True)
        passed &= exact
        diverging |= {c.name for c in beyond}
    held = report_float64(reference, files)
    passed &= all(precision.passed for precision in held)
    return passed and diverging <= {precision.name for precision in held}


def report_float64(reference: Reference, files: Collection[str]) -> list[Precision]:
    """Print how far outputs that float32 blurs are from float64, ours and PyTorch's, and give them.

    Such an output is held to the truth, not to PyTorch's float32. None without torch, or where
    none of the recordings in `files` has one.
    """
    found: list[Precision] = []
    held = {file: errors for f in FAMILIES for file, errors in f.against_float64.items()}
    for file in sorted(held.keys() & set(files)):
        if not torch_files.available():
            print(f"{file} against float64: not compared, as there is no torch here")
            continue
        print(f"{'RMS error against float64':28}{'ours':>12}{'PyTorch':>12}", flush=True)
        for precision in held[file](reference):
            name, ours, pytorchs, in_float64 = precision
            mark = "  ours in float64 too" if in_float64 else ""
            if not precision.passed:
                mark += "  ANOTHER VALUE" if in_float64 else "  FURTHER THAN PYTORCH'S FLOAT32"
            print(f"{name:28}{ours:12.2e}{pytorchs:12.2e}{mark}", flush=True)
            found.append(precision)
    return found


def main(arguments: list[str] | None = None) -> int:
    """Command line; the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("golden", help="directory with golden/ and manifests/")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="only recordings whose name contains this")
    parser.add_argument("--float64", action="store_true", help="only the errors against float64")
    options = parser.parse_args(arguments)
    try:
        reference = Reference(options.golden, options.seed)
        with jax.default_matmul_precision("highest"):
            if options.float64:
                held = report_float64(reference, reference.files())
                return 0 if all(precision.passed for precision in held) else 1
            return 0 if report(reference, PORTS, options.only) else 1
    except UserError as error:
        print(error, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
