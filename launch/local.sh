#!/usr/bin/env bash
# Several processes on one machine, as a cluster would run them: launch/local.sh 2 configs/X.py ...
# Every process runs `playmate train` with the same arguments; process 0 writes checkpoints.
set -euo pipefail
count=$1; shift
export PLAYMATE_COORDINATOR=${PLAYMATE_COORDINATOR:-localhost:29500} PLAYMATE_PROCESSES=$count
trap 'kill 0' INT TERM
for ((index = 0; index < count; index++)); do
  PLAYMATE_PROCESS=$index "${PLAYMATE:-playmate}" train "$@" &
done
wait
