#!/usr/bin/env bash
# Runs `playmate train` as N processes of one job on this machine: a rehearsal for a cluster, or a way
# to give each GPU its own process.
#
#   launch/local.sh -n 2 configs/tiny_stage1.py --workdir runs/two
#
# SIGTERM and Ctrl-C stop all processes after the same step, with a checkpoint; the same command resumes.
# If a process fails, the others are ended too, and its exit code is returned. GPUs are divided among
# the processes; without any, or with JAX_PLATFORMS=cpu, each is one CPU device.
set -euo pipefail
set -m  # each process gets a group of its own: Ctrl-C reaches this script alone, which passes it on

root=$(cd "$(dirname "$0")/.." && pwd)
PYTHON=${PYTHON:-$(test -x "$root/.venv/bin/python" && echo "$root/.venv/bin/python" || echo python3)}
GRACE_S=4  # after a failure: time for the others to end by themselves, with their own reason
say() { printf 'local.sh: %s\n' "$*" >&3; }
exec 3>&2

n=2
if [ "${1:-}" = -n ]; then n=${2:-}; shift 2 || true; fi
if ! [[ $n =~ ^[1-9][0-9]*$ ]] || [ $# = 0 ]; then
  say "expected a number of processes and what to train, found '-n $n $*':" \
    "launch/local.sh -n 2 configs/tiny_stage1.py --workdir runs/two"
  exit 2
fi

# ---------------------------------------------------------------- devices, address
gpus=()
if [ "${JAX_PLATFORMS:-}" != cpu ]; then
  if [ -n "${CUDA_VISIBLE_DEVICES:-}" ]; then
    IFS=, read -ra gpus <<< "$CUDA_VISIBLE_DEVICES"
  elif command -v nvidia-smi > /dev/null; then
    mapfile -t gpus < <(nvidia-smi --query-gpu=index --format=csv,noheader 2> /dev/null || true)
  fi
fi
if [ ${#gpus[@]} = 0 ]; then
  export JAX_PLATFORMS=cpu
elif ((${#gpus[@]} % n)); then
  say "expected a number of processes that divides the ${#gpus[@]} GPUs, found $n:" \
    "choose another -n, or set CUDA_VISIBLE_DEVICES"
  exit 2
fi
port=$("$PYTHON" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
export PLAYMATE_COORDINATOR=127.0.0.1:$port PLAYMATE_PROCESSES=$n

# ---------------------------------------------------------------- start
pids=() readers=()
for ((i = 0; i < n; i++)); do
  # The readers ignore signals, so that the last words of a process are shown.
  exec {out}> >(trap '' TERM INT; exec sed -u "s/^/[$i] /")
  readers+=($!)
  exec {err}> >(trap '' TERM INT; exec sed -u "s/^/[$i] /" >&2)
  readers+=($!)
  (
    export PLAYMATE_PROCESS=$i
    if [ ${#gpus[@]} != 0 ]; then
      each=$((${#gpus[@]} / n))
      CUDA_VISIBLE_DEVICES=$(IFS=,; echo "${gpus[*]:i * each:each}")
      export CUDA_VISIBLE_DEVICES
    fi
    exec "$PYTHON" -u -m playmate_jax train "$@" < /dev/null >&"$out" 2>&"$err" {out}>&- {err}>&- 3>&-
  ) &
  pids+=($!)
  exec {out}>&- {err}>&-
done

# ---------------------------------------------------------------- signals, end
send() { for pid in "${pids[@]}"; do kill -s "$1" -- "$2$pid" 2> /dev/null || true; done; }
stopped=
exec 2> /dev/null  # bash's own notices of killed jobs
# A second signal does not wait for the save.
trap 'send "${stopped:-TERM}" ""; stopped=KILL' TERM INT HUP

code=0 left=("${!pids[@]}") deadline=
while [ ${#left[@]} != 0 ]; do
  sleep 0.2
  running=()
  for i in "${left[@]}"; do
    if kill -0 "${pids[i]}" 2> /dev/null; then running+=("$i"); continue; fi
    ended=0; wait "${pids[i]}" || ended=$?
    if [ $ended != 0 ] && [ $code = 0 ]; then
      code=$ended
      # 130: training stopped on request, all processes after the same step; each may still save.
      [ $code = 130 ] || deadline=$((SECONDS + GRACE_S))
      [ $code = 130 ] || [ -n "$stopped" ] || say "process $i ended with code $code, so the others are ended"
    fi
  done
  left=("${running[@]+"${running[@]}"}")
  if [ -n "$deadline" ] && ((SECONDS >= deadline)); then
    send KILL ''
    deadline=
  fi
done
send KILL -  # workers that a killed process has left
wait "${readers[@]}" || true  # until everything is shown
exit "$code"
