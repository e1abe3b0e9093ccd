#!/usr/bin/env bash
# Train the shipped demo weights from nothing: draw faces and prepare speaking people, then the three
# stages. Interrupt it at will; the same command goes on where it stopped. Work is kept in runs/.
set -euo pipefail
cd "$(dirname "$0")/.."
PYTHON=${PYTHON:-.venv/bin/python}
PLAYMATE=${PLAYMATE:-.venv/bin/playmate}
WEIGHTS=runs/demo/weights

command -v espeak-ng > /dev/null || echo "no espeak-ng here: every voice is the formant synthesiser's," \
  "and lips learned from it follow other voices less well" >&2
"$PYTHON" -m playmate_jax.synthetic.pool runs/pool/train --seed 1 --identities 3600 --processes 2
"$PYTHON" -m playmate_jax.synthetic.pool runs/pool/test --seed 2 --identities 48
clips=(--size 64 --set seconds=12 --set frames=1 --set voice=mix)
"$PLAYMATE" prepare drawn --out runs/demo/clips/neutral --seed 1 --identities 5600 "${clips[@]}" --set emotional=false
"$PLAYMATE" prepare drawn --out runs/demo/clips/emotional --seed 2 --identities 2800 "${clips[@]}" --set varied=true
"$PLAYMATE" train configs/demo_face_space.py --workdir runs/demo/face_space --export "$WEIGHTS/renderer"
"$PLAYMATE" train configs/demo_stage1.py --workdir runs/demo/stage1
"$PLAYMATE" train configs/demo_stage1_head.py --workdir runs/demo/stage1_head
"$PLAYMATE" train configs/demo_stage2.py --workdir runs/demo/stage2 --export "$WEIGHTS/generator"
echo "weights: $WEIGHTS (try: $PLAYMATE animate --weights $WEIGHTS)"
