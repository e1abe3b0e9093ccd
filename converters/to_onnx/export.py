"""The program: the networks of a weights directory to .onnx files, each checked.

Everything is written under temporary names and renamed when all files have passed.
"""

import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from playmate_jax.converters.to_onnx import check, files, networks
from playmate_jax.converters.to_onnx.check import Agreement
from playmate_jax.converters.to_onnx.networks import Network
from playmate_jax.converters.to_onnx.translation import translate
from playmate_jax.errors import UserError
from playmate_jax.paths import check_names, unfinished

Say = Callable[[str], None]


@dataclass
class Export:
    """What was done: files and their sizes in bytes, and how far they agree with JAX; `checked` is
    False where onnxruntime is not installed."""

    written: dict[Path, int] = field(default_factory=dict)
    agreements: list[Agreement] = field(default_factory=list)
    checked: bool = False


def export(
    weights: str,
    out: Path,
    only: tuple[str, ...] = (),
    batch: int = 1,
    overwrite: bool = False,
    say: Say = lambda line: None,
) -> Export:
    """Writes `out`/NAME.onnx for every network of the weights, or `only` for these.

    Args:
      batch: of every input; the files have no other.

    Raises:
      UserError: missing or wrong weights, a network that cannot be written, a folder that cannot be
        written to, a file that exists, or one that does not agree with JAX. Nothing was written.
    """
    files.package()
    chosen = networks.of_weights(weights, batch, only)
    paths = {network.name: out / f"{network.name}.onnx" for network in chosen}
    _check_target(out, list(paths.values()), overwrite)
    done = Export(checked=check.runtime() is not None)
    with _temporary(out, list(paths.values())) as parts:
        for network in chosen:
            path = paths[network.name]
            done.written[path] = _write(network, parts[path])
            say(f"{network.name}: {done.written[path] / 1e6:.1f} MB")
            if done.checked:
                done.agreements += check.compare(network, parts[path])
        if failed := [row for row in done.agreements if not row.passed]:
            worst = max(failed, key=lambda row: row.error)
            raise UserError(
                f"expected onnxruntime to agree with JAX to {check.LIMIT:.0e} of an output's "
                f"standard deviation, found {worst.error:.1e} in {worst.output} of "
                f"{worst.network}: nothing was written"
            )
    return done


def _write(network: Network, path: Path) -> int:
    translation = translate(network.function, network.params, network.inputs, network.name)
    return files.write(files.model_of(translation, network.name, network.meaning), path)


def _check_target(out: Path, paths: list[Path], overwrite: bool) -> None:
    for path in paths:
        check_names(path)
    if out.exists() and not out.is_dir():
        raise UserError(f"expected a folder at {out}, found a file: give another --out")
    if existing := [path for path in paths if path.exists() and not overwrite]:
        raise UserError(
            f"expected no file at {existing[0]}, found one: give another --out, or --overwrite"
        )
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _refused(out, error) from None
    if not os.access(out, os.W_OK | os.X_OK):
        raise _refused(out, PermissionError(13, "Permission denied"))


def _refused(out: Path, error: OSError) -> UserError:
    return UserError(
        f"expected a folder that can be written at {out}, found: {error.strerror}: give another "
        "--out"
    )


@contextlib.contextmanager
def _temporary(out: Path, paths: list[Path]) -> Iterator[dict[Path, Path]]:
    """A temporary name for each path, renamed at the end; after an error they are deleted."""
    parts = {path: unfinished(path) for path in paths}
    try:
        yield parts
        for path, part in parts.items():
            os.replace(part, path)
    finally:
        for part in parts.values():
            part.unlink(missing_ok=True)
