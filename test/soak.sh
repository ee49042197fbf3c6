#!/usr/bin/env bash
# The random tests for long: JOURNALIST_SOAK times their size (20), from a seed of
# their own (JOURNALIST_SEED, else the time of day), and CHAOS_STEPS faults in one run
# of both binaries (2000); SCARCE_RUNS (30) runs of them with too little of everything,
# for each way to use two servers; SIM_FRESH (10m) and SIM_TIME (2h) of the simulated forwarder. Every
# failure names its seed.
set -euo pipefail
cd "$(dirname "$0")/.."
go=${GO:-go}
export JOURNALIST_SOAK=${JOURNALIST_SOAK:-20} CHAOS_STEPS=${CHAOS_STEPS:-2000} SCARCE_RUNS=${SCARCE_RUNS:-30}
export JOURNALIST_SEED=${JOURNALIST_SEED:-$(date +%s)}
echo "soak: JOURNALIST_SOAK=$JOURNALIST_SOAK JOURNALIST_SEED=$JOURNALIST_SEED CHAOS_STEPS=$CHAOS_STEPS SCARCE_RUNS=$SCARCE_RUNS"
"$go" test -count=1 -timeout 12h -run 'Oracle|Crash|Fault|Every|Bit|Damaged|Names|Open|Delete' ./internal/store
"$go" test -count=1 -timeout 12h -v -run 'NothingLost|KilledWhile' ./test/e2e
for mode in balance random; do
  SCARCE_MODE=$mode "$go" test -count=1 -timeout 12h -v -run NothingLostWhenScarce ./test/e2e
done
SIM_TIME=${SIM_TIME:-2h} SIM_FRESH=${SIM_FRESH:-10m} "$go" test -count=1 -timeout 12h -v ./test/sim
