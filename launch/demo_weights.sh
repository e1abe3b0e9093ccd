#!/usr/bin/env bash
# Trains the demo weights from scratch: makes synthetic faces and speech, then trains the stages.
# If it is interrupted, the same command resumes (a pool of clips that is incomplete is made again).
# All files are kept in runs/.
set -euo pipefail
cd "$(dirname "$0")/.."
PYTHON=${PYTHON:-.venv/bin/python}
PLAYMATE=${PLAYMATE:-.venv/bin/playmate}
WEIGHTS=runs/demo/weights

"$PYTHON" -m playmate_jax.training.demo_pools runs
"$PLAYMATE" train configs/demo_face_space.py --workdir runs/demo/face_space --export "$WEIGHTS/renderer"
"$PLAYMATE" train configs/demo_stage1.py --workdir runs/demo/stage1
"$PLAYMATE" train configs/demo_stage1_head.py --workdir runs/demo/stage1_head
"$PLAYMATE" train configs/demo_stage2.py --workdir runs/demo/stage2 --export "$WEIGHTS/generator"
echo "weights: $WEIGHTS (try: $PLAYMATE animate --weights $WEIGHTS)"
