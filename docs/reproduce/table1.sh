#!/bin/sh
# Table 1: every comparison method and the paper's own, for the same epochs, over seeds.
# How to call it: runs.sh.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
names="audio-only visual-only concat joint g-blending ogm-ge greedy pmr agm mla dr opm opm-ogm mmpareto adaptive best"
. "$here/runs.sh"

run() { # NAME SEED FOLDER
    case $1 in
    adaptive) adapted "$2" "$3" "" ;;
    best) adapted "$2" "$3" "" --preset best ;;
    *) from_scratch "$1" "$2" "$3" ;;
    esac
}

do_runs "$@"
