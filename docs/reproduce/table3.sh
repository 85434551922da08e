#!/bin/sh
# Table 3: SGD or Adam, with a fresh state at the beginning of adaptation or with the warm-up's.
# OPTIONS must not name an optimizer. How to call it: runs.sh.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
names="sgd-reset adam-reset sgd-same adam-same"
. "$here/runs.sh"

run() { # NAME SEED FOLDER
    case $1 in *-same) state=--keep-optimizer ;; *) state="" ;; esac
    avgap warmup "$cache" -o "$3/warmup" --epochs 30 --seed "$2" --optimizer "${1%-*}" $training &&
        avgap adapt "$cache" --checkpoint "$3/warmup/checkpoint.pt" -o "$3/adapt" --steps 4 --epochs 10 $state &&
        measure "$3/adapt" "$3"
}

do_runs "$@"
