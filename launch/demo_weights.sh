#!/usr/bin/env bash
# Train the shipped demo weights from nothing: drawn faces and synthetic speech, then the three
# stages. Interrupt it at will; the same command goes on where it stopped. Sizes and durations are
# those of the cards in playmate_jax/weights/demo. Work is kept in runs/demo (RUNS=... elsewhere).
set -euo pipefail
cd "$(dirname "$0")/.."
RUNS=${RUNS:-runs/demo}
PLAYMATE=${PLAYMATE:-.venv/bin/playmate}
EXPORT=${EXPORT:-$RUNS/weights}

"$PLAYMATE" train configs/demo_face_space.py --workdir "$RUNS/face_space" --export "$EXPORT/renderer"
"$PLAYMATE" train configs/demo_stage1.py     --workdir "$RUNS/stage1"
"$PLAYMATE" train configs/demo_stage2.py     --workdir "$RUNS/stage2"     --export "$EXPORT/generator"
echo "weights: $EXPORT (try: $PLAYMATE animate --weights $EXPORT)"
