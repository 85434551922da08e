#!/bin/sh
# Table 2: the terms of Eq. 10 left out one by one, and what the paper lacks: the gap's gradient
# stopped at the stronger modality, the unimodal terms kept, both. How to call it: runs.sh.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
names="full no-alpha no-beta no-gamma no-weights weaker keep-unimodal best"
. "$here/runs.sh"

run() { # NAME SEED FOLDER
    case $1 in
    full) changes="" ;;
    no-alpha) changes="--alpha 0" ;;
    no-beta) changes="--beta 0" ;;
    no-gamma) changes="--gamma 0" ;;
    no-weights) changes="--weights uniform" ;;
    weaker) changes="--pull weaker" ;;
    keep-unimodal) changes="--keep-unimodal" ;;
    best) changes="--preset best" ;;
    esac
    avgap warmup "$cache" -o "$3/warmup" --epochs 30 --seed "$2" $training &&
        avgap adapt "$cache" --checkpoint "$3/warmup/checkpoint.pt" -o "$3/adapt" --steps 4 --epochs 10 $changes &&
        measure "$3/adapt" "$3"
}

do_runs "$@"
