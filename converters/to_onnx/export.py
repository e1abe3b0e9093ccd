"""The program: the networks of a weights directory to .onnx files, each checked.

Everything is written under temporary names and renamed when all files have passed.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from playmate_jax.converters.export_folder import check_target, temporary
from playmate_jax.converters.to_onnx import check, files, networks
from playmate_jax.converters.to_onnx.check import Agreement
from playmate_jax.converters.to_onnx.networks import Network
from playmate_jax.converters.to_onnx.translation import translate

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
    check_target(out, list(paths.values()), overwrite)
    done = Export(checked=check.runtime() is not None)
    with temporary(list(paths.values())) as parts:
        for network in chosen:
            path = paths[network.name]
            done.written[path] = _write(network, parts[path])
            say(f"{network.name}: {done.written[path] / 1e6:.1f} MB")
            if done.checked:
                done.agreements += check.compare(network, parts[path])
        check.require(done.agreements, "onnxruntime", "JAX")
    return done


def _write(network: Network, path: Path) -> int:
    translation = translate(network.function, network.params, network.inputs, network.name)
    return files.write(files.model_of(translation, network.name, network.meaning), path)
