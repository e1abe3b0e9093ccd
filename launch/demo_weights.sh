#!/usr/bin/env bash
# Trains the demo weights from scratch: renders synthetic faces, prepares clips of speaking people, then
# trains the stages. If it is interrupted, the same command resumes. All files are kept in runs/.
set -euo pipefail
cd "$(dirname "$0")/.."
PYTHON=${PYTHON:-.venv/bin/python}
PLAYMATE=${PLAYMATE:-.venv/bin/playmate}
WEIGHTS=runs/demo/weights

for program in espeak-ng flite festival; do
  command -v "$program" > /dev/null || echo "$program is not installed: formant voices take the place of its" \
    "voices, and lips learned from them follow other voices less well" >&2
done
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
