#!/usr/bin/env bash
# Measures every result in the cards of the shipped weights again: on held-out synthetic people and
# sentences, and on real recordings and videos where DATA has them. PHONES, if set, is a folder of
# recordings with a file `transcription` (docs/measure.md, lips by phones; needs pocketsphinx).
set -euo pipefail
cd "$(dirname "$0")/.."
PYTHON=${PYTHON:-.venv/bin/python}
WEIGHTS=${WEIGHTS:-playmate_jax/weights/demo}
DATA=${DATA:-../shared/data}

recordings=() ; [ -d "$DATA/speech" ] && recordings=(--recordings "$DATA/speech")
"$PYTHON" -m playmate_jax.synthetic.pool runs/pool/test --seed 2 --identities 48
"$PYTHON" -m playmate_jax.metrics.face_space "$WEIGHTS/renderer" --pool runs/pool/test --out runs/report --card
"$PYTHON" -m playmate_jax.metrics.speech_motion "$WEIGHTS/generator" --card "${recordings[@]}"
[ -n "${PHONES:-}" ] && "$PYTHON" -m playmate_jax.metrics.phone_lips "$WEIGHTS/generator" "$PHONES" --card
"$PYTHON" -m playmate_jax.metrics.driving_pose --weights "$WEIGHTS" --card
[ -d "$DATA/videos" ] && "$PYTHON" -m playmate_jax.metrics.video_lips "$DATA/videos" --weights "$WEIGHTS" --card
"$PYTHON" benchmarks/whole_clip.py --weights "$WEIGHTS" --card
echo "figures: $WEIGHTS/*/card.json; images: runs/report"
