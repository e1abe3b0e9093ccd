#!/usr/bin/env bash
# Train the shipped demo weights from nothing: draw faces and speak sentences, then the three stages.
# Interrupt it at will; the same command goes on where it stopped (a pool of clips that broke off is
# spoken again). Work is kept in runs/.
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
