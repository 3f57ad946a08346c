#!/usr/bin/env bash
# A study on the nodes of one Slurm job:
#
#   export MASKGRID_STORE=/shared/maskgrid/store     # a folder that every node sees
#   sbatch deploy/slurm.sh studies/paper.yaml --data /shared/tiny-imagenet-200.zip
#
# Submit it in the project's folder, on a file system that every node sees, after `make .venv/ready`.
# What follows the script's name is given to `maskgrid run`. Out of time, or requeued: the same
# command goes on.
#
# NOT RUN YET under Slurm itself: a test runs it with stand-ins for srun and scontrol.
#SBATCH --job-name=maskgrid
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=8
#SBATCH --gpus-per-node=1
#SBATCH --time=12:00:00
#SBATCH --requeue
#SBATCH --signal=B:TERM@120
set -euo pipefail

: "${1:?give a study file}" "${MASKGRID_STORE:?set it to a folder that every node sees}"
# Before .venv, whatever the cluster's modules put there.
PATH="$PWD/.venv/bin:$PATH"
export PATH RAY_AUTH_MODE=token RAY_USAGE_STATS_ENABLED=0
RAY_AUTH_TOKEN=$(python -c 'import secrets; print(secrets.token_hex(32))')
export RAY_AUTH_TOKEN
# Since Slurm 22.05 srun does not take this over from the job by itself.
export SRUN_CPUS_PER_TASK=${SLURM_CPUS_PER_TASK:-1}

mapfile -t nodes < <(scontrol show hostnames "$SLURM_JOB_NODELIST")
on() { srun --nodes=1 --ntasks=1 --nodelist="$1" "${@:2}"; }
head_ip=$(on "${nodes[0]}" hostname -I | awk '{print $1}')
# Other jobs may run Ray on the same nodes: ports by the job's number, or whichever is free.
port=$((20000 + SLURM_JOB_ID % 10000 * 2))
address=$head_ip:$port
common=(--block --disable-usage-stats --min-worker-port=0 --max-worker-port=0
  --dashboard-agent-listen-port=0)

trap 'kill $(jobs -p) 2>/dev/null || true; wait' EXIT
on "${nodes[0]}" ray start --head --node-ip-address="$head_ip" --port="$port" \
  --ray-client-server-port=$((port + 1)) --include-dashboard=false \
  --temp-dir="${TMPDIR:-/tmp}/maskgrid-$SLURM_JOB_ID" "${common[@]}" &
until ray status --address="$address" >/dev/null 2>&1; do
  ((SECONDS < 300)) || { echo "the head did not start" >&2; exit 1; }
  sleep 2
done
for node in "${nodes[@]:1}"; do
  on "$node" ray start --address="$address" "${common[@]}" &
done
until (($(ray status --address="$address" 2>/dev/null | grep -c ' node_') >= ${#nodes[@]})); do
  ((SECONDS < 600)) || { echo "not all of ${nodes[*]} joined" >&2; exit 1; }
  sleep 2
done

maskgrid run "$@" --address "$address" &
run=$!
# Slurm says TERM two minutes before the end; the study then stops in good order.
trap 'kill -TERM "$run"' TERM
code=0
wait "$run" || code=$?
while kill -0 "$run" 2>/dev/null; do # the trap cut the wait short
  code=0
  wait "$run" || code=$?
done
exit "$code"
