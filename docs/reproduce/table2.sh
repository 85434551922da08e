#!/bin/sh
# Table 2: the terms of Eq. 10 left out one by one. How to call it: runs.sh.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
names="adaptive no-alpha no-beta no-gamma no-weights"
. "$here/runs.sh"

run() { # NAME SEED FOLDER
    case $1 in
    adaptive) changes="" ;;
    no-alpha) changes="--alpha 0" ;;
    no-beta) changes="--beta 0" ;;
    no-gamma) changes="--gamma 0" ;;
    no-weights) changes="--weights uniform" ;;
    esac
    adapted "$2" "$3" "" $changes
}

do_runs "$@"
