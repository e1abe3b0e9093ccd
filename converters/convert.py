"""A checkpoint becomes a weights directory of this project, and back, verified if asked for.

The steps: read -> detect the family -> move every tensor by the table -> compare both sides ->
write. Nothing is written before all checks have passed, and then under a temporary name.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import jax
import ml_dtypes
import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict

from playmate_jax.configuration import to_values
from playmate_jax.converters import checkpoints, torch_files, verify
from playmate_jax.converters.conversion_card import card_of, config_extras
from playmate_jax.converters.detection import detect, form_of, named_state
from playmate_jax.converters.family import Family, Form
from playmate_jax.converters.registry import by_config
from playmate_jax.converters.rules import to_flax, to_torch
from playmate_jax.converters.state_files import SUFFIXES, Progress, write_file
from playmate_jax.converters.verify import Layer
from playmate_jax.errors import UserError
from playmate_jax.hub.weights import check_tree, load_unused, load_weights, save_weights


@dataclass
class Conversion:
    """What was done.

    Attributes:
      name: the family, and the network where it is one of several.
      share: of names that matched.
      parameters: numbers in all tensors of the network.
      layers: of the verification, None where it was not asked for.
      compared: what stood on PyTorch's side of it.
      written: files or the directory; none where the verification failed.
    """

    name: str
    share: float
    parameters: int
    bytes: int
    layers: list[Layer] | None = None
    compared: str = ""
    written: list[Path] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def passed(self) -> bool:
        """Whether no layer of the verification diverges."""
        return all(layer.passed for layer in self.layers or [])


def _no_progress(phase: str, done: int, total: int) -> None:
    pass


def to_jax(
    source: str | Path,
    directory: str | Path,
    family: Family | None = None,
    *,
    dtype: str | None = None,
    verification: bool = False,
    overwrite: bool = False,
    progress: Progress = _no_progress,
    on_detected: Callable[[Conversion], None] = lambda _: None,
) -> Conversion:
    """Writes the weights directory of a PyTorch checkpoint.

    Args:
      family: of the checkpoint; detected where it is not given.
      dtype: of the floating arrays; None keeps theirs.
      verification: run both sides; where they differ, nothing is written.
      overwrite: replace an earlier weights directory.
      on_detected: called when the checkpoint's family is known.

    Raises:
      UserError: not a checkpoint of a known network; every problem is listed.
    """
    began = time.perf_counter()
    _check_target(Path(directory), overwrite)
    found = checkpoints.read(source, progress)
    match = detect(found, family)
    done = Conversion(match.name, match.share, 0, found.bytes())
    on_detected(done)
    state = named_state(found, match)
    form = form_of(found, match, state)
    card_fields = match.family.card_fields(found.state, found.metadata)
    found.state = {}
    leaves, unused = to_flax(form.table, state, form.shapes, _phase(progress, "convert"))
    done.parameters = sum(leaf.size for leaf in leaves.values())
    _cast(leaves, dtype)
    if verification:
        _cast(state, dtype)
        done.layers, done.compared = _verification(form, state, leaves, progress)
    del state
    if done.passed:
        values = {
            "kind": form.family.kind,
            **config_extras(found.metadata),
            **to_values(form.config),
        }
        tree = unflatten_dict(leaves, sep="/")
        del leaves
        progress("write", 0, 1)
        card = card_of(form.family, found, card_fields)
        done.written = [save_weights(directory, values, tree, card, unused=unused)]
        progress("write", 1, 1)
    done.seconds = time.perf_counter() - began
    return done


def to_pytorch(
    directory: str | Path,
    target: str | Path,
    family: Family | None = None,
    *,
    dtype: str | None = None,
    verification: bool = False,
    overwrite: bool = False,
    progress: Progress = _no_progress,
    on_detected: Callable[[Conversion], None] = lambda _: None,
) -> Conversion:
    """Writes a weights directory as PyTorch's: a `.safetensors` or `.pth` file by suffix, or the
    folder that LivePortrait or transformers load.

    Arguments and errors are those of `to_jax`.
    """
    began, target = time.perf_counter(), Path(target)
    _check_target(target, overwrite)
    progress("read", 0, 1)
    values, params, card = load_weights(directory)
    unused = load_unused(directory)
    progress("read", 1, 1)
    row, config = by_config(values, f"{directory}/config.json")
    if family is not None and family != row:
        raise UserError(
            f"expected the weights of {family.name} in {directory}, found those of {row.name}: "
            "leave the family out or give another directory"
        )
    leaves = flatten_dict(params, sep="/")
    del params
    form = Form.of(row, config, leaves)
    expected = {k: jax.ShapeDtypeStruct(v, np.float32) for k, v in form.shapes.items()}
    check_tree(leaves, expected, f"the weights in {directory}")
    done = Conversion(row.name, 1.0, sum(x.size for x in leaves.values()), 0)
    done.bytes = sum(path.stat().st_size for path in Path(directory).iterdir() if path.is_file())
    on_detected(done)
    state = to_torch(form.table, leaves, unused, _phase(progress, "convert"))
    _cast(state, dtype)
    if verification:
        _cast(leaves, dtype)
        done.layers, done.compared = _verification(form, state, leaves, progress)
    del leaves
    if done.passed:
        progress("write", 0, 1)
        done.written = _write(form, target, state, values, card)
        progress("write", 1, 1)
    done.seconds = time.perf_counter() - began
    return done


def _write(
    form: Form, target: Path, state: Mapping[str, np.ndarray], values: Mapping, card: Mapping
) -> list[Path]:
    family = form.family
    if target.suffix in SUFFIXES:
        return write_file(target, state, {"config": values, "card": card}, family.content)
    if family.layout is not None and family.layout.write is not None:
        return family.layout.write(target, state, form.config, values)
    raise UserError(
        f"expected a file ending in {' or '.join(SUFFIXES[:2])} for {family.name}, found "
        f"'{target}': rename it"
    )


def _verification(
    form: Form, state: Mapping, leaves: Mapping, progress: Progress
) -> tuple[list[Layer], str]:
    """Every layer of every network; against recordings where torch is missing."""
    layers: list[Layer] = []
    torch = torch_files.available()
    family, total = form.family, len(form.runs)
    wanted = {run.part for run in form.runs}
    table, shapes = family.table(family.tiny), family.shapes(family.tiny)
    runs = form.runs if torch else [r for r in family.runs(family.tiny) if r.part in wanted]
    for i, run in enumerate(runs):
        progress("verify", i, total)
        found = (
            verify.compare(run, form.table, state, leaves)
            if torch
            else verify.repeat(run, table, shapes, family.name)
        )
        part = f"{run.part}." if run.part else ""
        layers += [layer._replace(name=part + layer.name) for layer in found]
    progress("verify", total, total)
    if not runs:
        return layers, "nothing: this network has no PyTorch reference"
    return (
        layers,
        "its PyTorch reference" if torch else "recorded values at a small size (no torch here)",
    )


def _cast(arrays: dict[str, np.ndarray], dtype: str | None) -> None:
    """Floating arrays in another type, one by one so that memory does not double."""
    if dtype is None:
        return
    wanted = np.dtype(getattr(ml_dtypes, dtype, dtype))
    for name, array in arrays.items():
        if array.dtype.kind == "f" or array.dtype == ml_dtypes.bfloat16:
            arrays[name] = array.astype(wanted)


def _check_target(target: Path, overwrite: bool) -> None:
    """Refuses a place that could not be written later, or that holds something else."""
    if not target.exists():
        return
    if target.is_dir() and not any(target.iterdir()):
        return
    ours = target.is_file() or (target / "params.safetensors").is_file()
    if not overwrite:
        raise UserError(
            f"expected a new name for the output, found that '{target}' exists: choose "
            "another or pass --overwrite"
        )
    if not ours:
        raise UserError(
            f"expected weights that may be replaced at '{target}', found a folder of something "
            "else: choose another name"
        )


def _phase(progress: Progress, name: str) -> Callable[[int, int], None]:
    return lambda done, total: progress(name, done, total)
