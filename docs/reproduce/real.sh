#!/bin/sh
# The measurements of docs/results.md: three losses, three seeds, the same number of epochs.
#
#   docs/reproduce/real.sh DATA OUT [NAME...]
#
# DATA holds grid_s1/ (see grid_table.py), fsdd/recordings/ and mnist/. NAME is one or more of
# grid-digit grid-letter avdigits-pca25 avdigits-noise; all of them by default. Stopped and started
# again, it goes on where it was: every command confirms what is done.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
data=$(cd "$1" && pwd)
mkdir -p "$2"
cd "$2"
shift 2
[ $# -gt 0 ] || set -- grid-digit grid-letter avdigits-pca25 avdigits-noise

export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"
python="${PYTHON:-python3}"
avgap() { "$python" -m avgap "$@"; }

training="--encoder small --optimizer adam --lr 1e-3 --batch-size 32"
digits_front="--frames 1 --frame-size 28 --audio-recipe logmel --sample-rate 8000 --seconds 1
    --n-fft 256 --hop-length 128 --mels 40"
grid_front="--frames 4 --frame-size 64 --audio-recipe logmel --seconds 0.5"

cache() {
    case $1 in
    grid-*)
        "$python" "$here/grid_table.py" "$data/grid_s1" "${1#grid-}" "$1.csv"
        avgap prepare csv "$1.csv" -o "$1.h5" $grid_front
        ;;
    avdigits-*)
        mkdir -p digits
        ln -sfn "$data/fsdd/recordings" digits/recordings
        ln -sfn "$data/mnist" digits/mnist
        case $1 in
        avdigits-pca25) spoil=visual:1.0:pca25 ;;
        avdigits-noise) spoil=visual:0.3:noise ;;
        esac
        avgap prepare avdigits digits -o "$1.h5" $digits_front --corrupt "$spoil"
        ;;
    *)
        echo "real.sh: unknown name $1" >&2
        exit 2
        ;;
    esac
}

measure() { # CACHE FOLDER: the test metrics of the last epoch and of the best on validation
    avgap evaluate "$1" --checkpoint "$2/checkpoint.pt" -o "$2/metrics.json"
    avgap evaluate "$1" --checkpoint "$2/best.pt" -o "$2/metrics-best.json"
}

for name in "$@"; do
    cache "$name"
    for seed in 0 1 2; do
        run=$name/seed-$seed
        avgap warmup "$name.h5" -o "$run/fused/warmup" --loss fused --epochs 70 --seed $seed $training
        measure "$name.h5" "$run/fused/warmup"
        avgap warmup "$name.h5" -o "$run/joint/warmup" --epochs 70 --seed $seed $training
        measure "$name.h5" "$run/joint/warmup"
        avgap warmup "$name.h5" -o "$run/adaptive/warmup" --epochs 30 --seed $seed $training
        measure "$name.h5" "$run/adaptive/warmup"
        avgap gaps "$name.h5" --checkpoint "$run/adaptive/warmup/checkpoint.pt" -o "$run/adaptive/gaps.h5"
        avgap fitgmm "$run/adaptive/gaps.h5" -o "$run/adaptive/gmm.json"
        avgap adapt "$name.h5" --checkpoint "$run/adaptive/warmup/checkpoint.pt" -o "$run/adaptive/adapt" \
            --steps 4 --epochs 10
        avgap gaps "$name.h5" --checkpoint "$run/adaptive/adapt/checkpoint.pt" -o "$run/adaptive/adapt/gaps.h5"
        avgap fitgmm "$run/adaptive/adapt/gaps.h5" -o "$run/adaptive/adapt/gmm.json"
        measure "$name.h5" "$run/adaptive/adapt"
    done
done
"$python" "$here/summarise.py" .
