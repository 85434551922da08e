#!/bin/sh
# How long may the warm-up be before the network knows the corrupted clips by heart?
#
#   corrupted.sh CACHE OUT [OPTIONS OF TRAINING…]
#
# CACHE has clips corrupted on purpose (prepare --corrupt). For each length and three seeds: warm-up,
# gaps, mixture, and how well the posterior w₁ finds those clips.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
[ $# -ge 2 ] || { echo "usage: $0 CACHE OUT [OPTIONS…]" >&2; exit 2; }
cache=$1 out=$2
shift 2
avgap() { "${PYTHON:-python3}" -m avgap "$@"; }

for seed in 0 1 2; do
    for epochs in 1 2 3 5 10 30; do
        run=$out/warmup-$epochs/seed-$seed
        mkdir -p "$run"
        avgap warmup "$cache" -o "$run/warmup" --epochs $epochs --seed $seed "$@"
        avgap gaps "$cache" --checkpoint "$run/warmup/checkpoint.pt" -o "$run/gaps.h5"
        avgap fitgmm "$run/gaps.h5" -o "$run/gmm.json"
        avgap report "$run" --cache "$cache" --json >"$run/report.json"
    done
done
"${PYTHON:-python3}" "$here/mixtures.py" corrupted "$out"
