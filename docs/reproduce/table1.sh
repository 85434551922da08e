#!/bin/sh
# Table 1: every comparison method and the paper's own, for the same 70 epochs, over seeds.
# How to call it: runs.sh.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
names="audio-only visual-only concat joint g-blending ogm-ge greedy pmr agm mla dr opm opm-ogm mmpareto adaptive adaptive-best"
. "$here/runs.sh"

run() { # NAME SEED FOLDER
    case $1 in
    adaptive*)
        case $1 in *-best) preset=best ;; *) preset=paper ;; esac
        avgap warmup "$cache" -o "$3/warmup" --epochs 30 --seed "$2" $training &&
            avgap adapt "$cache" --checkpoint "$3/warmup/checkpoint.pt" -o "$3/adapt" \
                --steps 4 --epochs 10 --preset "$preset" &&
            measure "$3/adapt" "$3"
        ;;
    *)
        avgap baseline "$1" "$cache" -o "$3/baseline" --epochs 70 --seed "$2" $training &&
            measure "$3/baseline" "$3"
        ;;
    esac
}

do_runs "$@"
