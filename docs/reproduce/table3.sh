#!/bin/sh
# Table 3: SGD or Adam, with a fresh state at the beginning of adaptation or with the warm-up's.
# OPTIONS must not name an optimizer. How to call it: runs.sh.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
names="sgd-reset adam-reset sgd-same adam-same"
. "$here/runs.sh"

run() { # NAME SEED FOLDER
    case $1 in *-same) state=--keep-optimizer ;; *) state="" ;; esac
    adapted "$2" "$3" "--optimizer ${1%-*}" $state
}

do_runs "$@"
