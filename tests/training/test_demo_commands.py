"""The commands that make the shipped weights fit together: what one writes the next one reads."""

import re
from pathlib import Path

import pytest

from playmate_jax.prepare.synthetic import SyntheticConfig
from playmate_jax.training import load_config

ROOT = Path(__file__).parents[2]
LAUNCH = (ROOT / "launch" / "demo_weights.sh").read_text()
CONFIGS = ("demo_face_space", "demo_stage1", "demo_stage1_head", "demo_stage2")


def test_the_stages_train_on_what_the_launcher_makes():
    made = set(re.findall(r"synthetic\.pool (\S+)", LAUNCH))
    made |= set(re.findall(r"prepare drawn --out (\S+)", LAUNCH))
    asked = set()
    for name in CONFIGS:
        config = load_config(ROOT / "configs" / f"{name}.py")
        for field in ("pool", "test_pool", "clips", "statistics"):
            asked |= set(getattr(config, field, "").split(",")) - {""}
    assert asked == made


def test_every_stage_begins_from_the_weights_of_one_before_it():
    runs = []
    for name in CONFIGS:
        config = load_config(ROOT / "configs" / f"{name}.py")
        before = getattr(config, "start", "") or getattr(config, "stage1", "")
        assert not before or before.removesuffix("/weights") in runs
        (run,) = re.findall(rf"configs/{name}\.py --workdir (\S+)", LAUNCH)
        runs.append(run)


def commands_of(text: str) -> list[list[str]]:
    """The words of each command in a text that draws faces or prepares synthetic people."""
    (options,) = re.findall(r"clips=\((.*)\)", text) or [""]
    text = text.replace('"${clips[@]}"', options).replace("\\\n", " ")
    return [
        sorted(words.split())
        for words in re.findall(r"(?:synthetic\.pool|prepare drawn)((?: +(?!#)\S+)+)", text)
    ]


@pytest.mark.parametrize("name", ["demo_stage1", "demo_face_space"])
def test_a_configuration_names_the_launchers_commands(name):
    named = commands_of((ROOT / "configs" / f"{name}.py").read_text())
    assert len(named) == 2 and all(command in commands_of(LAUNCH) for command in named)


def test_the_settings_of_the_commands_are_fields_of_synthetic_people():
    text = LAUNCH + (ROOT / "configs" / "demo_formant_only.py").read_text()
    fields = set(re.findall(r"--set (\w+)=", text))
    assert {"seconds", "frames", "emotional"} <= fields
    assert fields <= SyntheticConfig.__dataclass_fields__.keys()
