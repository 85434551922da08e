# Sourced by table1.sh, table2.sh, table3.sh, controls.sh and sweep.sh: a list of runs, each a
# name and a seed.
#
#   tableN.sh CACHE OUT [--seeds "0 1 2 3 4"] [--names "NAME …"] [--lengths "30 4 10"]
#             [--gpus N | --task I | --count] [-- OPTIONS OF TRAINING…]
#
# --lengths "W R E": W epochs of warm-up, then R rounds of E epochs; whatever is not adapted is
# trained for all W + R · E. The scripts may share one OUT: a name means the same run in each.
# --gpus N: N runs at a time, one on each GPU. --task I: run number I alone, from 0, as for
#   sbatch --array="0-$(($(tableN.sh CACHE OUT --count) - 1))" … tableN.sh CACHE OUT --task "$SLURM_ARRAY_TASK_ID"
# --count: how many runs there are. OPTIONS go to every training from random weights, such as
# --encoder small --lr 1e-3; without them it is the paper's (ResNet-18, SGD 2e-3).
#
# Stopped and started again, it goes on where it was: every command confirms what is done. A run
# that fails leaves OUT/NAME/seed-S/run.log and does not stop the others; in the end every run
# that is not done is named, and the exit status is 1. PYTHON: the interpreter that has avgap, where it
# is not the environment's python3.

avgap() { "${PYTHON:-python3}" -m avgap "$@"; }

from_scratch() { # METHOD SEED FOLDER OPTIONS OF BASELINE…: the method for all epochs
    method=$1 seed=$2 place=$3
    shift 3
    avgap baseline "$method" "$cache" -o "$place/baseline" --epochs $((warm + rounds * epochs)) \
        --seed "$seed" --log-test "$@" $training &&
        measure "$place/baseline" "$place"
}

adapted() { # SEED FOLDER "OPTIONS OF WARM-UP" OPTIONS OF ADAPT…: warm-up, then the rounds
    avgap warmup "$cache" -o "$2/warmup" --epochs "$warm" --seed "$1" --log-test $3 $training || return
    place=$2
    shift 3
    avgap adapt "$cache" --checkpoint "$place/warmup/checkpoint.pt" -o "$place/adapt" \
        --steps "$rounds" --epochs "$epochs" "$@" &&
        measure "$place/adapt" "$place"
}

measure() { # CHECKPOINTS FOLDER: test metrics of the last epoch and of the best on validation
    avgap evaluate "$cache" --checkpoint "$1/best.pt" \
        --save-predictions "$2/predictions-best.h5" -o "$2/metrics-best.json" &&
        avgap evaluate "$cache" --checkpoint "$1/checkpoint.pt" \
            --save-predictions "$2/predictions.h5" -o "$2/metrics.json"
}

usage() {
    echo "usage: $0 CACHE OUT [--seeds \"0 1\"] [--names \"NAME …\"] [--lengths \"30 4 10\"] [--gpus N | --task I | --count] [-- OPTIONS…]" >&2
    [ $# -eq 0 ] || echo "$1" >&2
    exit 2
}

read_arguments() { # sets cache, out, seeds, names, gpus, task, count, training
    [ $# -ge 2 ] || usage
    cache=$1 out=$2 seeds="0 1 2 3 4" lengths="30 4 10" gpus="" task="" count="" training=""
    known=" $names "
    shift 2
    while [ $# -gt 0 ]; do
        case $1 in
        --count) count=yes ;;
        --) shift; training="$*"; break ;;
        --seeds | --names | --lengths | --gpus | --task)
            [ $# -ge 2 ] || usage "$1 needs a value"
            case $1 in
            --seeds) seeds=$2 ;;
            --names) names=$2 ;;
            --lengths) lengths=$2 ;;
            --gpus) gpus=$2 ;;
            --task) task=$2 ;;
            esac
            shift
            ;;
        *) usage "what is $1?" ;;
        esac
        shift
    done
    set -f # a * is a wrong name, not the files that are there
    for name in $names; do
        case $known in *" $name "*) ;; *) usage "unknown name $name; known:$known" ;; esac
    done
    for value in "$gpus" "$task" $seeds $lengths; do
        case $value in *[!0-9]* | 0?*) usage "$value is no number" ;; esac
    done
    once --names $names
    once --seeds $seeds
    [ "$gpus" != 0 ] || usage "--gpus 0 would run nothing"
    [ -z "$gpus" ] || [ -z "$task" ] || usage "--gpus and --task exclude each other"
    set -- $lengths
    [ $# -eq 3 ] || usage "--lengths are three numbers, as in \"30 4 10\""
    warm=$1 rounds=$2 epochs=$3
}

once() { # OPTION VALUE…: refuses none, and one that stands twice
    option=$1 seen=" "
    shift
    [ $# -gt 0 ] || usage "$option names none"
    for value in "$@"; do
        case $seen in *" $value "*) usage "$option has $value twice" ;; esac
        seen="$seen$value "
    done
}

runs() { # every run as NUMBER NAME SEED, seed after seed, so that early results compare
    number=0
    for seed in $seeds; do
        for name in $names; do
            echo "$number $name $seed"
            number=$((number + 1))
        done
    done
}

left() { # DONE TOTAL SECONDS: which run begins, of how many, and about how long they take
    if [ "$1" -gt 0 ]; then
        echo "$(($1 + 1)) of $2, about $(((($2 - $1) * $3 / $1 + 59) / 60)) min left"
    else
        echo "$(($1 + 1)) of $2"
    fi
}

perform() { # NAME SEED WHICH: one run; what it says goes to its log
    folder=$out/$1/seed-$2
    mkdir -p "$folder"
    echo "$1 seed $2, $3" >&2
    : >"$folder/not-done"
    if run "$1" "$2" "$folder" >"$folder/run.log" 2>&1; then
        rm "$folder/not-done"
    else
        why=$(grep -m 1 "error:" "$folder/run.log" || tail -n 1 "$folder/run.log")
        echo "$1 seed $2 FAILED: $why" >&2
    fi
}

share() { # I N: every N-th run from the I-th, one after the other
    # Not in a pipe: a process of its own would go on with the list when this one is stopped.
    begun=$(date +%s) done=0
    while read -r number name seed; do
        [ $((number % $2)) -eq "$1" ] || continue
        which=$(left "$done" $(((total - $1 + $2 - 1) / $2)) $(($(date +%s) - begun)))
        perform "$name" "$seed" "$which" </dev/null
        done=$((done + 1))
    done <<LIST
$(runs)
LIST
}

all_done() { # names every run of the list that has no metrics
    runs | {
        status=0
        while read -r number name seed; do
            place=$out/$name/seed-$seed
            [ -z "$task" ] || [ "$number" -eq "$task" ] || continue
            if [ -e "$place/not-done" ] || [ ! -f "$place/metrics.json" ]; then
                echo "NOT DONE: $name seed $seed, see $place/run.log" >&2
                status=1
            fi
        done
        return $status
    }
}

do_runs() {
    read_arguments "$@"
    total=$(runs | wc -l)
    if [ -n "$count" ]; then
        echo $((total))
        return
    fi
    [ -f "$cache" ] || usage "$cache is no file"
    "${PYTHON:-python3}" -c "import avgap" 2>/dev/null ||
        usage "${PYTHON:-python3} has no avgap: activate its environment, or set PYTHON"
    if [ -n "$task" ]; then
        [ "$task" -lt "$total" ] || usage "there are runs 0 to $((total - 1)), not $task"
        share "$task" "$total"
    elif [ -n "$gpus" ]; then
        gpu=0
        trap 'trap - INT TERM; kill 0' INT TERM
        while [ $gpu -lt "$gpus" ]; do
            AVGAP_DEVICE=cuda:$gpu share $gpu "$gpus" &
            gpu=$((gpu + 1))
        done
        wait
    else
        share 0 1
    fi
    all_done || exit 1
    [ -n "$task" ] || avgap compare "$out"
}
