#!/bin/sh
# Two questions that real.sh raises, on the same caches: variants.sh OUT (after real.sh DATA OUT).
#
# 1. Does another optimizer, or w = 1, keep the unimodal accuracy in adaptation?
# 2. How long may the warm-up be before the network knows the spoiled clips by heart?
set -eu
here=$(cd "$(dirname "$0")" && pwd)
cd "$1"
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"
python="${PYTHON:-python3}"
avgap() { "$python" -m avgap "$@"; }

name=avdigits-pca25
for seed in 0 1 2; do
    run=$name/seed-$seed
    start=$run/adaptive/warmup/checkpoint.pt
    for variant in "sgd --optimizer sgd" "uniform --weights uniform"; do
        folder=$run/${variant%% *}/adapt
        avgap adapt $name.h5 --checkpoint "$start" -o "$folder" --steps 4 --epochs 10 ${variant#* }
        avgap evaluate $name.h5 --checkpoint "$folder/checkpoint.pt" -o "$folder/metrics.json"
        avgap evaluate $name.h5 --checkpoint "$folder/best.pt" -o "$folder/metrics-best.json"
    done
done

name=avdigits-noise
training="--encoder small --optimizer adam --lr 1e-3 --batch-size 32"
for seed in 0 1 2; do
    for epochs in 1 2 3 5 10 30; do
        run=$name/seed-$seed/length-$epochs
        avgap warmup $name.h5 -o "$run/warmup" --epochs $epochs --seed $seed $training
        avgap gaps $name.h5 --checkpoint "$run/warmup/checkpoint.pt" -o "$run/gaps.h5"
        avgap fitgmm "$run/gaps.h5" -o "$run/gmm.json"
        avgap report "$run" -o "$run/report.html" --json >"$run/report.json"
    done
done
"$python" "$here/summarise.py" .
