"""What lies on disk on PyTorch's side, before anything is known of the network.

    FILE.safetensors | .pth .pt .bin .pkl   one state dict; in a `.pth` maybe under "state_dict"
    LivePortrait's folder                   five files, found anywhere below it
    JoyVASA's folder                        motion_generator/*.pt and motion_template.pkl below it
    transformers' folder                    config.json and model.safetensors or pytorch_model.bin

`read` gives named arrays; in LivePortrait's folder and in one file of all its networks, names begin
with the part ("appearance.first.conv.weight"). What our exports say of themselves, a transformers'
config.json, and the settings of a training come along as `beside`; the statistics of a motion
template are tensors ("statistics.pose_low").
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from playmate_jax.converters import joyvasa, joyvasa_files, liveportrait, torch_files
from playmate_jax.converters.rules import renamed
from playmate_jax.errors import UserError
from playmate_jax.hub.weights import whole_folder

SUFFIXES = (".safetensors", ".pth", ".pt", ".bin", ".pkl")
TRANSFORMERS_FILES = ("model.safetensors", "pytorch_model.bin")
WRAPPERS = ("state_dict", "model")  # keys under which a file may keep its tensors
GENERATOR = "motion_generator/*.pt"  # as JoyVASA is published
Progress = Callable[[str, int, int], None]
# (tensors, what the file says of itself) -> what a `.pth` holds
Content = Callable[[Mapping[str, np.ndarray], Mapping[str, Any]], dict[str, Any]]


@dataclass
class Checkpoint:
    """A state dict and where it came from.

    Attributes:
      files: every file that was read, by its name.
      beside: "config" and "card" of our exports, "transformers" of a transformers' folder,
        "preprocessor" of its feature extraction; "args" and "iteration" of a training.
    """

    path: Path
    state: dict[str, np.ndarray]
    files: dict[str, Path]
    beside: dict[str, Any] = field(default_factory=dict)

    def sha256(self) -> dict[str, str]:
        """Of every file."""
        found = {}
        for name, path in self.files.items():
            with path.open("rb") as file:
                found[name] = hashlib.file_digest(file, "sha256").hexdigest()
        return found

    def bytes(self) -> int:
        """Of all files together."""
        return sum(path.stat().st_size for path in self.files.values())


def read(path: str | Path, progress: Progress = lambda *_: None) -> Checkpoint:
    """A file or a folder.

    Raises:
      UserError: nothing there, nothing known there, or damage.
    """
    path = Path(path)
    if not path.exists():
        raise UserError(f"expected a checkpoint at {path}, found none: check the path")
    if not path.is_dir():
        return _file(path, progress)
    if (path / "params.safetensors").is_file():
        raise UserError(
            f"expected a PyTorch checkpoint, found a weights directory of this project in {path}: "
            "add --to torch"
        )
    if any(_below(path, name) for name in [*liveportrait.FILES.values(), liveportrait.RETARGETING]):
        return _liveportrait(path, progress)
    if _below(path, GENERATOR) or _below(path, joyvasa.TEMPLATE_FILE):
        return _joyvasa(path, progress)
    for name in TRANSFORMERS_FILES:
        if (path / "config.json").is_file() and (path / name).is_file():
            return _transformers(path, path / name, progress)
    files = [p for p in sorted(path.iterdir()) if p.suffix in SUFFIXES and p.is_file()]
    if len(files) == 1:
        return _file(files[0], progress)
    raise UserError(
        "expected LivePortrait's or JoyVASA's files, config.json with "
        f"{' or '.join(TRANSFORMERS_FILES)}, or one checkpoint "
        f"({' '.join(SUFFIXES)}) in {path}, found {len(files)} checkpoints: "
        "give a file"
    )


def _file(path: Path, progress: Progress, template: Path | None = None) -> Checkpoint:
    """One file, and of a training with a motion template its statistics."""
    progress("read", 0, 1)
    content = torch_files.read(path)
    if set(content) & set(liveportrait.RETARGETING_KEYS):
        state = _retargeting(content)
        beside = {}
    else:
        beside = {
            k: content.pop(k) for k in ("config", "card") if isinstance(content.get(k), Mapping)
        }
        wrapped = [key for key in WRAPPERS if isinstance(content.get(key), Mapping)]
        if wrapped and isinstance(content.get("args"), Mapping):
            iteration = content.get("iter")
            beside["args"] = content["args"]
            beside["iteration"] = iteration if isinstance(iteration, int) else 0
        state = content[wrapped[0]] if wrapped else content
        state = renamed(state, lambda name: name.removeprefix("module."))
        if wrapped and isinstance(content.get("statistics"), Mapping):
            state |= _statistics(content["statistics"])
    if path.suffix == ".safetensors":
        beside = torch_files.metadata(path)
    files = {path.name: path}
    has_statistics = any(name.startswith(joyvasa.STATISTICS_PREFIX) for name in state)
    if "args" in beside and not has_statistics and (template := template or _template_of(path)):
        state |= _statistics(joyvasa_files.read_template(template))
        files[template.name] = template
    progress("read", 1, 1)
    return Checkpoint(path, state, files, beside)


def _statistics(values: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {f"{joyvasa.STATISTICS_PREFIX}{name}": value for name, value in values.items()}


def _joyvasa(folder: Path, progress: Progress) -> Checkpoint:
    """The one checkpoint, and the template wherever below the folder it lies."""
    generators = _below(folder, GENERATOR) or _below(folder, "*.pt")
    templates = _below(folder, joyvasa.TEMPLATE_FILE)
    for what, paths, fewest in ((GENERATOR, generators, 1), (joyvasa.TEMPLATE_FILE, templates, 0)):
        if not fewest <= len(paths) <= 1:
            raise UserError(
                f"expected one {what} of JoyVASA under {folder}, found {len(paths) or 'none'}: "
                "give a folder with one checkpoint and its template"
            )
    found = _file(generators[0], progress, templates[0] if templates else None)
    return replace(found, path=folder)


def _template_of(checkpoint: Path) -> Path | None:
    """The motion template beside a checkpoint, or where it is published."""
    for place in (checkpoint.parent, checkpoint.parent.parent / "motion_template"):
        if (place / joyvasa.TEMPLATE_FILE).is_file():
            return place / joyvasa.TEMPLATE_FILE
    return None


def _liveportrait(folder: Path, progress: Progress) -> Checkpoint:
    """The five files; animals have four of their own."""
    names = {**{name: field for field, name in liveportrait.FILES.items()}}
    names[liveportrait.RETARGETING] = ""
    if not _below(folder, liveportrait.RETARGETING) and "animals" in str(folder.resolve()):
        del names[liveportrait.RETARGETING]
    files = {name: _one(folder, name) for name in names}
    state: dict[str, np.ndarray] = {}
    for i, (name, path) in enumerate(files.items()):
        progress("read", i, len(files))
        content = torch_files.read(path)
        if name == liveportrait.RETARGETING:
            state |= _retargeting(content)
        else:
            own = renamed(content, lambda name: name.removeprefix("module."))
            state |= {f"{names[name]}.{key}": value for key, value in own.items()}
    progress("read", len(files), len(files))
    return Checkpoint(folder, state, files)


def _retargeting(content: Mapping[str, Any]) -> dict[str, np.ndarray]:
    state = {}
    for key, part in liveportrait.RETARGETING_KEYS.items():
        own = torch_files.part(content, key)
        own = renamed(own, lambda name: name.removeprefix("module."))
        state |= {f"{part}.{name}": value for name, value in own.items()}
    return state


def _transformers(folder: Path, file: Path, progress: Progress) -> Checkpoint:
    found = _file(file, progress)
    beside = {"transformers": _json(folder / "config.json")}
    if (folder / "preprocessor_config.json").is_file():
        beside["preprocessor"] = _json(folder / "preprocessor_config.json")
    return Checkpoint(folder, found.state, found.files, beside)


def _json(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise UserError(
            f"expected JSON in {path}, found damage ({error}): fetch it again"
        ) from None
    if not isinstance(values, dict):
        raise UserError(
            f"expected a table in {path}, found a {type(values).__name__}: fetch it again"
        )
    return values


def _below(folder: Path, name: str) -> list[Path]:
    return sorted(folder.rglob(name))


def _one(folder: Path, name: str) -> Path:
    found = _below(folder, name)
    if not found:
        raise UserError(
            f"expected {name} under {folder}, found none: give the folder that holds "
            "LivePortrait's base_models and retargeting_models"
        )
    if len(found) > 1:
        places = ", ".join(str(path.parent) for path in found)
        raise UserError(f"expected one {name} under {folder}, found it in {places}: give one set")
    return found[0]


# ---- writing ------------------------------------------------------------------------------------


def state_dict_content(
    state: Mapping[str, np.ndarray], beside: Mapping[str, Any]
) -> dict[str, Any]:
    """What a `.pth` holds where no original code wants it otherwise."""
    return {"state_dict": dict(state), **beside}


def write_file(
    path: str | Path,
    state: Mapping[str, np.ndarray],
    beside: Mapping[str, Any],
    content: Content = state_dict_content,
) -> list[Path]:
    """One file that says what it is: `.safetensors` with metadata, or a dict (`content`)."""
    path = Path(path)
    if path.suffix == ".safetensors":
        return [torch_files.write(path, state, beside)]
    return [torch_files.write(path, content(state, beside))]


def write_liveportrait(folder: str | Path, state: Mapping[str, np.ndarray]) -> list[Path]:
    """The official layout, which the original code loads strictly; parts that are not there are
    left out."""
    by_part: dict[str, dict[str, np.ndarray]] = {}
    for name, value in state.items():
        part, _, rest = name.partition(".")
        by_part.setdefault(part, {})[rest] = value
    written = []
    with whole_folder(folder) as scratch:
        for field_, name in liveportrait.FILES.items():
            if field_ in by_part:
                written.append(torch_files.write(scratch / "base_models" / name, by_part[field_]))
        retargeting = {
            key: {f"module.{name}": value for name, value in by_part[part].items()}
            for key, part in liveportrait.RETARGETING_KEYS.items()
            if part in by_part
        }
        if retargeting:
            path = scratch / "retargeting_models" / liveportrait.RETARGETING
            written.append(torch_files.write(path, retargeting))
        relative = [path.relative_to(scratch) for path in written]
    return [Path(folder) / path for path in relative]


def write_transformers(
    folder: str | Path,
    state: Mapping[str, np.ndarray],
    config: Mapping[str, Any],
    preprocessor: Mapping[str, Any],
) -> list[Path]:
    """A folder that `from_pretrained` loads."""
    with whole_folder(folder) as scratch:
        for name, values in (("config", config), ("preprocessor_config", preprocessor)):
            (scratch / f"{name}.json").write_text(json.dumps(values, indent=1) + "\n", "utf-8")
        torch_files.write(scratch / TRANSFORMERS_FILES[0], state, {"format": "pt"})
        names = sorted(path.name for path in scratch.iterdir())
    return [Path(folder) / name for name in names]
