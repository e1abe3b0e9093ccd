"""Where the face models come from: no network in these tests."""

import subprocess
import zipfile
from pathlib import Path

import pytest

from playmate_jax.errors import UserError
from playmate_jax.faces import assets

CONTENT = {assets.DETECTOR: b"a detector", assets.MESH: b"a mesh"}


@pytest.fixture
def index(tmp_path: Path, monkeypatch):
    """A package index of one wheel, in place of pip; counts its calls."""
    import hashlib

    digests = {name: hashlib.sha256(content).hexdigest() for name, content in CONTENT.items()}
    monkeypatch.setattr(assets, "_SHA256", digests)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv(assets.ENVIRONMENT, raising=False)
    calls: list[list[str]] = []

    def run(command: list[str], **_) -> subprocess.CompletedProcess:
        calls.append(command)
        folder = Path(command[command.index("--dest") + 1])
        with zipfile.ZipFile(folder / "mediapipe.whl", "w") as wheel:
            for name, content in CONTENT.items():
                wheel.writestr(assets._MEMBERS[name], content)
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(assets.subprocess, "run", run)
    return calls


def test_models_are_fetched_once(index, capsys):
    first = assets.face_models()
    assert {name: path.read_bytes() for name, path in first.items()} == CONTENT
    assert "fetching" in capsys.readouterr().err
    assert assets.face_models() == first
    assert len(index) == 1 and capsys.readouterr().err == ""
    assert sorted(path.name for path in assets.cache_directory().iterdir()) == sorted(CONTENT)


def test_a_damaged_copy_is_fetched_again(index):
    path = assets.face_models()[assets.MESH]
    path.write_bytes(b"half a me")
    assert assets.face_models()[assets.MESH].read_bytes() == CONTENT[assets.MESH]
    assert len(index) == 2


def test_given_directories_come_first_and_are_checked(index, tmp_path: Path, monkeypatch):
    given = tmp_path / "given"
    given.mkdir()
    with pytest.raises(UserError, match="found none"):
        assets.face_models(given)
    for name, content in CONTENT.items():
        (given / name).write_bytes(content)
    assert assets.face_models(given)[assets.MESH] == given / assets.MESH
    monkeypatch.setenv(assets.ENVIRONMENT, str(given))
    assert assets.face_models()[assets.MESH] == given / assets.MESH
    (given / assets.MESH).write_bytes(b"another")
    with pytest.raises(UserError, match="another or a damaged file"):
        assets.face_models()
    assert index == []


def test_a_wheel_with_other_files_is_refused(index, monkeypatch):
    monkeypatch.setitem(CONTENT, assets.MESH, b"not the mesh")
    with pytest.raises(UserError, match="found another"):
        assets.face_models()
    assert not (assets.cache_directory() / assets.MESH).exists()


def test_offline_is_one_sentence_that_says_what_to_do(index, monkeypatch):
    def run(command, **_):
        return subprocess.CompletedProcess(command, 1, "", "retry 1\nERROR: no matching version\n")

    monkeypatch.setattr(assets.subprocess, "run", run)
    with pytest.raises(UserError, match="no matching version.*--face-models") as error:
        assets.face_models()
    assert "\n" not in str(error.value)
    assert not assets.cache_directory().exists()


def test_environments_without_pip_use_another(monkeypatch):
    monkeypatch.setattr(assets.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(assets.shutil, "which", lambda name: "/bin/uv" if name == "uv" else None)
    assert assets._pip() == ["uv", "tool", "run", "pip"]
    monkeypatch.setattr(assets.shutil, "which", lambda name: None)
    with pytest.raises(UserError, match="ensurepip"):
        assets._pip()
