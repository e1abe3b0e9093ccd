"""launch/docker: what the image copies, installs and runs exists, and it is reached locally only.

No container engine runs here: the commands are compared with the package that they are for.
"""

import json
import re
from pathlib import Path

import pytest
import yaml

from playmate_jax.cli.arguments import parse
from playmate_jax.serve.settings import is_loopback

ROOT = Path(__file__).resolve().parents[2]
DOCKER = ROOT / "launch" / "docker"


@pytest.fixture(scope="module")
def dockerfile() -> str:
    """The Dockerfile with its continued lines joined, without comments."""
    text = (DOCKER / "Dockerfile").read_text("utf-8")
    return re.sub(r"^#.*\n", "", text, flags=re.M).replace("\\\n", " ")


@pytest.fixture(scope="module")
def services() -> dict:
    """The services of compose.yaml, its anchors filled in."""
    return yaml.safe_load((DOCKER / "compose.yaml").read_text("utf-8"))["services"]


def copied(dockerfile: str) -> set[str]:
    """What is copied from the repository."""
    lines = re.findall(r"^COPY (?!--from)(.+) \S+$", dockerfile, re.M)
    return {name for line in lines for name in line.split()}


def test_the_image_copies_what_exists_and_the_build_needs(dockerfile):
    names = copied(dockerfile)
    assert all((ROOT / name).exists() for name in names)
    assert {"pyproject.toml", "setup.cfg", "playmate_jax", "converters", "configs"} <= names
    setup = (ROOT / "setup.cfg").read_text("utf-8")
    assert re.search(r"long_description = file: (\S+)", setup)[1] in names


def test_only_what_is_copied_is_sent_to_the_builder(dockerfile):
    lines = (DOCKER / "Dockerfile.dockerignore").read_text("utf-8").splitlines()
    assert "*" in lines
    assert {line[1:] for line in lines if line.startswith("!")} == copied(dockerfile)


def test_installed_extras_exist(dockerfile):
    extras = re.search(r"install '\.\[([\w,]+)\]'", dockerfile)[1].split(",")
    setup = (ROOT / "setup.cfg").read_text("utf-8")
    assert all(re.search(rf"^{extra} =$", setup, re.M) for extra in extras)
    cuda = re.search(r"pip install '(jax\[cuda.*?)'", dockerfile)[1]
    assert f"cuda =\n    {cuda}\n" in setup


def test_the_image_runs_commands_that_are_understood(dockerfile):
    command = json.loads(re.search(r"^CMD (\[.*\])$", dockerfile, re.M)[1])
    assert json.loads(re.search(r"^ENTRYPOINT (\[.*\])$", dockerfile, re.M)[1]) == ["playmate"]
    args = parse(command)
    assert not is_loopback(args.host) and args.folder.startswith("/data/")
    check = json.loads(re.search(r"HEALTHCHECK .*?CMD (\[.*\])$", dockerfile, re.M)[1])
    assert f"127.0.0.1:{args.port}/health" in check[-1]
    assert f"EXPOSE {args.port}" in dockerfile


def test_nothing_runs_as_root_and_what_is_kept_is_in_the_volume(dockerfile):
    runtime = dockerfile[dockerfile.index("AS runtime") :]
    assert re.findall(r"^USER (\d+)", runtime, re.M) == ["10001"]
    assert "VOLUME /data" in runtime
    assert all(f"{name}=/data/" in runtime for name in ("XDG_CACHE_HOME", "HF_HOME"))


def test_compose_publishes_on_this_machine_alone_and_asks_for_a_token(services):
    assert set(services) == {"cpu", "cuda"}
    for name, service in services.items():
        assert all(port.startswith("127.0.0.1:") for port in service["ports"])
        assert ":?" in service["environment"]["PLAYMATE_SERVE_TOKEN"]
        assert service["build"]["target"] == name and "data:/data" in service["volumes"]
    assert (DOCKER / services["cpu"]["build"]["context"]).resolve() == ROOT
    assert services["cuda"]["profiles"] == ["cuda"] and "profiles" not in services["cpu"]


def test_every_target_of_compose_is_a_stage(dockerfile, services):
    stages = re.findall(r"^FROM \S+ AS (\S+)$", dockerfile, re.M)
    assert {service["build"]["target"] for service in services.values()} <= set(stages)
    assert stages[-1] == "cpu"  # what a build without --target makes
