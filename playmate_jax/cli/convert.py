"""`playmate convert [FAMILY] SOURCE OUT`: weights between PyTorch and JAX, with verification.

Prints the detected format, with `--verify` the error of every layer, and the files written. If a
layer diverges, nothing is written and the exit code is 1.
"""

import argparse
import resource
import sys
from pathlib import Path

from playmate_jax.errors import UserError
from playmate_jax.paths import check_names

MIB = 2**20
COMPARED = 64 * MIB  # peak memory is compared with the source's size only if that is larger


def command(args: argparse.Namespace) -> int:
    """Runs `playmate convert`; returns its exit code."""
    *family, source, out = _words(args.words)
    check_names(out)
    import jax

    from playmate_jax.cli.progress import ProgressBar
    from playmate_jax.converters import convert, registry, torch_files
    from playmate_jax.parallel.compilation import keep_compiled_programs

    row = registry.by_name(family[0]) if family else None
    if not Path(source).exists():
        raise UserError(f"expected a checkpoint at {source}, found none: check the path")
    if args.verify:
        keep_compiled_programs()
    # torch and JAX are loaded before memory is measured: they take more than many checkpoints
    torch_files.available()
    jax.devices()
    memory = _Memory()
    bar = None if args.quiet else ProgressBar(unit="steps")

    def progress(phase: str, done: int, total: int) -> None:
        memory.enter(phase)
        if bar is not None:
            bar(phase, done, total)

    run = convert.to_pytorch if args.to == "torch" else convert.to_jax
    try:
        done = run(
            source, out, row, dtype=args.dtype, verification=args.verify, overwrite=args.overwrite,
            progress=progress, on_detected=lambda found: _tell(source, found),
        )  # fmt: skip
    finally:
        if bar is not None:
            bar.close()
    if done.layers is not None:
        _print_layers(done)
    if not done.passed:
        first = next(layer for layer in done.layers or [] if not layer.passed)
        print(
            f"playmate: the first layer that diverges is {first.name}; nothing was written",
            file=sys.stderr,
        )
        return 1
    for path in done.written:
        print(f"written: {path}")
    print(f"{done.parameters:,} parameters in {done.seconds:.1f} s; {memory.summary(done.bytes)}")
    return 0


def _words(words: list[str]) -> list[str]:
    if len(words) not in (2, 3):
        raise UserError(
            f"expected SOURCE and OUT, with the family in front or without, found {len(words)} "
            "words: playmate convert liveportrait pretrained_weights/liveportrait out"
        )
    return words


def _tell(source: str, found) -> None:
    print(f"{source}: {found.name}, {found.share:.0%} of the names match", flush=True)


def _print_layers(done) -> None:
    width = max([len(layer.name) for layer in done.layers] + [5])
    print(f"{'layer':{width}}  max error / RMS")
    for layer in done.layers:
        mark = "" if layer.passed else "  DIVERGES"
        print(f"{layer.name:{width}}  {layer.error:.1e}{mark} {layer.remark}".rstrip())
    worst = max((layer.error for layer in done.layers), default=0.0)
    verdict = "verified" if done.passed else "NOT verified"
    print(f"{verdict} against {done.compared}: {len(done.layers)} layers, worst {worst:.1e}")


class _Memory:
    """Peak memory of a conversion beyond what was in use before it, and that of its verification,
    measured separately."""

    def __init__(self):
        self.base = self.before = _reset_peak()  # in use before a phase
        self.verifying, self.peaks = False, {False: 0, True: 0}

    def enter(self, phase: str) -> None:
        """Notes the beginning of a phase; called with every progress message."""
        if (phase == "verify") == self.verifying:
            return
        self._close()
        now = _memory("VmRSS")
        if self.verifying:  # compiled programs remain; the conversion does not need them
            self.base += now - self.before
        self.before, self.verifying = now, phase == "verify"

    def summary(self, read: int) -> str:
        """The peak memory in one sentence; `read` is the size of the source in bytes."""
        self._close()
        peak, verifying = self.peaks[False], self.peaks[True]
        also = f" ({verifying / MIB:,.0f} MiB to verify)" if verifying else ""
        share = f", {peak / read:.2f} x" if read >= COMPARED else " for"
        return f"peak memory {peak / MIB:,.0f} MiB{also}{share} the {read / MIB:,.0f} MiB read"

    def _close(self) -> None:
        taken = _memory("VmHWM") - self.base
        self.peaks[self.verifying] = max(self.peaks[self.verifying], taken)
        _reset_peak()


def _reset_peak() -> int:
    """Resets the peak memory, where the system can (Linux), and returns the bytes in use."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        pass
    return _memory("VmHWM")


def _memory(field: str) -> int:
    """Resident memory of this process in bytes: now ("VmRSS") or at its peak ("VmHWM")."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
        found = next(line for line in lines if line.startswith(f"{field}:"))
        return int(found.split()[1]) * 1024
    except (OSError, StopIteration):
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
