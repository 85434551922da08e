#!/bin/sh
# What the paper leaves open: α, β, γ, rounds × epochs, the length of the warm-up, w = 1, w₀ = 1
# where the gaps show no two groups, and the warm-up's optimizer state; for the paper's loss (adaptive)
# and, with the prefix kept-, for --pull weaker --keep-unimodal. The number of epochs in all stays the
# same. warmup-W: W epochs of warm-up and as many rounds as before; rounds-R: R rounds.
# How to call it: runs.sh.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
one="alpha-0.3 alpha-3 beta-0.1 beta-0.3 beta-3 gamma-0.1 gamma-0.3 gamma-3 rounds-1 rounds-2 rounds-10 warmup-2 warmup-6 warmup-18 warmup-26 weights-uniform unsupported-balanced keep-optimizer"
names="adaptive weaker-kept"
for name in $one; do names="$names $name kept-$name"; done
. "$here/runs.sh"

run() ( # NAME SEED FOLDER
    setting=${1#kept-} seed=$2 folder=$3 total=$((warm + rounds * epochs))
    case $1 in weaker-kept | kept-*) set -- --pull weaker --keep-unimodal ;; *) set -- ;; esac
    case $setting in
    alpha-* | beta-* | gamma-* | weights-* | unsupported-*) set -- "$@" "--${setting%-*}" "${setting#*-}" ;;
    keep-optimizer) set -- "$@" --keep-optimizer ;;
    rounds-*) rounds=${setting#*-} ;;
    warmup-*) warm=${setting#*-} ;;
    esac
    [ $(((total - warm) % rounds)) -eq 0 ] || {
        echo "error: $((total - warm)) epochs are not $rounds rounds of the same length"
        return 1
    }
    epochs=$(((total - warm) / rounds))
    adapted "$seed" "$folder" "" "$@"
)

do_runs "$@"
