#!/bin/sh
# Table 1: every comparison method and the paper's own, for the same epochs, over seeds.
# How to call it: runs.sh.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
names="audio-only visual-only concat joint late g-blending ogm-ge greedy pmr agm mla dr opm opm-ogm mmpareto adaptive kept"
. "$here/runs.sh"

# The published windows are kept for 70 epochs; for fewer or more they shrink or grow with them.
window() { echo $(($1 * (warm + rounds * epochs) / 70)); }

run() { # NAME SEED FOLDER
    case $1 in
    adaptive) adapted "$2" "$3" "" ;;
    kept) adapted "$2" "$3" "" --preset kept ;;
    pmr) from_scratch "$1" "$2" "$3" --set ends=$(window 70) ;;
    ogm-ge) from_scratch "$1" "$2" "$3" --set ends=$(window 50) ;;
    dr) from_scratch "$1" "$2" "$3" --set interval=$(($(window 20) > 0 ? $(window 20) : 1)) ;;
    opm) from_scratch "$1" "$2" "$3" --set warmup=$(window 6) ;;
    opm-ogm) from_scratch "$1" "$2" "$3" --set warmup=$(window 6) --set ends=$(window 60) ;;
    *) from_scratch "$1" "$2" "$3" ;;
    esac
}

do_runs "$@"
