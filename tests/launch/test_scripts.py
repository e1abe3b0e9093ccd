"""Shell scripts are free of the mistakes that can be read off them."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.jobs import ROOT

SCRIPTS = sorted([*ROOT.glob("launch/**/*.sh"), *ROOT.glob("launch/**/*.sbatch"), ROOT / ".ci/run"])
SHELLCHECK = Path(sys.executable).parent / "shellcheck"


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_bash_and_shellcheck_find_nothing(path):
    subprocess.run(["bash", "-n", path], check=True)
    if not SHELLCHECK.exists():
        pytest.skip("shellcheck is not installed (it is in the extra `lint`)")
    done = subprocess.run([SHELLCHECK, path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
