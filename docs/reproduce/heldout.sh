#!/bin/sh
# Gaps in sample and held out, at several lengths of training: which of them find the corrupted clips?
#
#   heldout.sh CACHE OUT [--seeds "0 1 2 3 4"] [--epochs "5 10 20"] [-- OPTIONS OF TRAINING…]
#
# CACHE has clips corrupted on purpose (prepare --corrupt). For each length and seed: a crossfit of five
# folds, its mixtures by both criteria, and the same of one network's own training clips. Lengths rise:
# each goes on from a copy of the one before. Continued where it was; heldout.py prints the table.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
usage() { echo "usage: $0 CACHE OUT [--seeds \"0 1\"] [--epochs \"5 10\"] [-- OPTIONS…]" >&2; exit 2; }
[ $# -ge 2 ] || usage
cache=$1 out=$2 seeds="0 1 2 3 4" lengths="5 10 20"
shift 2
while [ $# -gt 0 ]; do
    case $1 in
    --seeds | --epochs)
        [ $# -ge 2 ] || usage
        if [ "$1" = --seeds ]; then seeds=$2; else lengths=$2; fi
        shift 2
        ;;
    --) shift; break ;;
    *) usage ;;
    esac
done
avgap() { "${PYTHON:-python3}" -m avgap "$@"; }

mixtures() { # FOLDER: both criteria on its gaps
    avgap fitgmm "$1/gaps.h5" -o "$1/gmm.json" --quiet >/dev/null
    avgap fitgmm "$1/gaps.h5" -o "$1/nec.json" --criterion nec --quiet >/dev/null
}

for seed in $seeds; do
    shorter=
    for epochs in $lengths; do
        run=$out/epochs-$epochs/seed-$seed
        if [ -n "$shorter" ] && [ ! -d "$run" ]; then
            mkdir -p "$out/epochs-$epochs"
            rm -rf "$run.copy"
            cp -R "$shorter" "$run.copy"
            rm -f "$run.copy"/*/gmm.json "$run.copy"/*/nec.json "$run.copy/in/gaps.h5"
            mv "$run.copy" "$run"
        fi
        mkdir -p "$run"
        shorter=$run
        avgap crossfit "$cache" -o "$run/held" --folds 5 --epochs "$epochs" --seed "$seed" --logits "$@"
        mixtures "$run/held"
        avgap warmup "$cache" -o "$run/in/warmup" --epochs "$epochs" --seed "$seed" "$@"
        avgap gaps "$cache" --checkpoint "$run/in/warmup/checkpoint.pt" -o "$run/in/gaps.h5"
        mixtures "$run/in"
    done
done
"${PYTHON:-python3}" "$here/heldout.py" "$cache" "$out"
