#!/usr/bin/env bash
#SBATCH --job-name=playmate
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-node=8
#SBATCH --signal=TERM@120
#SBATCH --requeue
# One process a node: sbatch launch/slurm.sh configs/paper_stage1.py --workdir /scratch/stage1
# SIGTERM two minutes before the limit saves a checkpoint; the requeued job goes on from it.
set -euo pipefail
export PLAYMATE_COORDINATOR="$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1):29500"
export PLAYMATE_PROCESSES=$SLURM_NTASKS
srun bash -c 'PLAYMATE_PROCESS=$SLURM_PROCID exec "${PLAYMATE:-playmate}" train "$@"' _ "$@"
