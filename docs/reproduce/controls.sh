#!/bin/sh
# What the paper lacks: the warm-up loss alone for all epochs (joint), L_MM alone after the warm-up
# (then-fused), and the members of the adaptive family: the paper's (adaptive), the gap's gradient
# stopped at the stronger modality (weaker), the unimodal terms kept (keep-unimodal), both
# (weaker-kept), and the preset kept, which is that with γ = 0.1.
# How to call it: runs.sh.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
names="joint then-fused adaptive weaker keep-unimodal weaker-kept kept"
. "$here/runs.sh"

run() { # NAME SEED FOLDER
    case $1 in
    joint)
        from_scratch joint "$2" "$3"
        return
        ;;
    then-fused) changes="--loss fused" ;;
    adaptive) changes="" ;;
    weaker) changes="--pull weaker" ;;
    keep-unimodal) changes="--keep-unimodal" ;;
    weaker-kept) changes="--pull weaker --keep-unimodal" ;;
    kept) changes="--preset kept" ;;
    esac
    adapted "$2" "$3" "" $changes
}

do_runs "$@"
