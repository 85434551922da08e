#!/bin/sh
# What held-out gaps are good for: plain training (joint), late fusion (late) and the sound or the
# frames alone (audio, visual), beside the losses of `adapt --loss` weighed by held-out posteriors
# (abstain, push, spare, distill, mend), the paper's loss weighed so (held-out), as published
# (adaptive) and with --preset kept (kept).
# Each seed's folds are trained for FOLDEPOCHS epochs, 5 if it is not set, in OUT-folds.
# How to call it: runs.sh, such as --lengths "2 1 18".
set -eu
here=$(cd "$(dirname "$0")" && pwd)
names="joint late audio visual abstain push spare distill mend held-out adaptive kept"
. "$here/runs.sh"

held_out() { # SEED: its folds, their gaps and mixture
    folds=$out-folds/seed-$1
    avgap crossfit "$cache" -o "$folds" --epochs "${FOLDEPOCHS:-5}" --seed "$1" --logits $training &&
        avgap fitgmm "$folds/gaps.h5" -o "$folds/nec.json" --criterion nec
}

run() { # NAME SEED FOLDER
    case $1 in
    joint | late) from_scratch "$1" "$2" "$3"; return ;;
    audio | visual) from_scratch "$1-only" "$2" "$3"; return ;;
    adaptive) adapted "$2" "$3" ""; return ;;
    kept) adapted "$2" "$3" "" --preset kept; return ;;
    held-out) loss=adaptive ;;
    mend) loss="mend --keep-optimizer" ;;
    *) loss=$1 ;;
    esac
    held_out "$2" &&
        adapted "$2" "$3" "" --loss $loss --posteriors "$folds/gaps.h5" --gmm "$folds/nec.json"
}

do_runs "$@"
