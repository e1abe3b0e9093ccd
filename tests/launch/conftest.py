"""A stand-in for Python, so that launchers are tested without starting JAX."""

import sys
from pathlib import Path

import pytest

# What a "process" does is chosen by FAKE. As process 1 it fails, if it is to.
FAKE_PYTHON = f"""#!/usr/bin/env bash
if [ "$1" = -c ]; then exec "{sys.executable}" "$@"; fi
number=${{PLAYMATE_PROCESS:-${{SLURM_PROCID:-}}}}
trap 'echo saved; exit 130' TERM USR1
printf 'argument <%s>\\n' "$@"
echo "devices ${{JAX_PLATFORMS:-any}} ${{CUDA_VISIBLE_DEVICES:-}}"
echo "job $number/${{PLAYMATE_PROCESSES:-}} ${{PLAYMATE_COORDINATOR:-}}"
case $FAKE in
  fail) [ "$number" != 1 ] || {{ echo 'no space left' >&2; exit 3; }}; sleep 1; exit 0 ;;
  hang) [ "$number" != 1 ] || exit 3; trap '' TERM; while :; do sleep 0.1; done ;;
  deaf) trap '' TERM; echo ready; while :; do sleep 0.1; done ;;
  work) echo ready; while :; do sleep 0.1; done ;;
esac
"""


@pytest.fixture
def fake_python(tmp_path) -> Path:
    """An executable in a folder whose name has a space."""
    path = tmp_path / "bin of ours" / "python"
    path.parent.mkdir()
    path.write_text(FAKE_PYTHON)
    path.chmod(0o755)
    return path
