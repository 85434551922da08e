#!/bin/sh
# The small caches of docs/results.md, from real data: caches.sh DATA OUT [NAME…]
#
# DATA holds fsdd/recordings/ (the Free Spoken Digit Dataset), mnist/ (the 10,000 test images of MNIST)
# and grid_s1/ (clips of talker 1 of the GRID corpus; grid_table.py says which columns the list of its
# words and their times must have). NAME is one or more of
#   pca25   spoken digits with the MNIST image of the digit, all images at 25 % of their variance
#   noise   the same images whole, but noise in place of the image in 30 % of the clips
#   sound   the same images whole, but noise in place of the sound in 30 % of the clips
#   letter  one spoken letter of GRID per clip, and the whole face of its talker
# Audio: 32 mel bands × 33 windows, 16 ms apart (letter: 64 × 51); images of 28 px (four of 32 px).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
[ $# -ge 2 ] || { echo "usage: $0 DATA OUT [pca25|noise|sound|letter]…" >&2; exit 2; }
data=$(cd "$1" && pwd)
mkdir -p "$2"
cd "$2"
shift 2
[ $# -gt 0 ] || set -- pca25 noise sound letter
avgap() { "${PYTHON:-python3}" -m avgap "$@"; }

digits() { # NAME SPOIL
    for images in "$data"/mnist/*images-idx3-ubyte*; do
        [ -e "$images" ] || { echo "caches.sh: $data/mnist holds no images of MNIST" >&2; exit 2; }
    done
    mkdir -p digits
    ln -sfn "$data/fsdd/recordings" digits/recordings
    ln -sfn "$data/mnist" digits/mnist
    avgap prepare avdigits digits -o "$1.h5" --corrupt "$2" --frames 1 --frame-size 28 \
        --audio-recipe logmel --sample-rate 8000 --seconds 0.512 --n-fft 256 --hop-length 128 --mels 32
}

for name in "$@"; do
    case $name in
    pca25) digits pca25 visual:1.0:pca25 ;;
    noise) digits noise visual:0.3:noise ;;
    sound) digits sound audio:0.3:noise ;;
    letter)
        "${PYTHON:-python3}" "$here/grid_table.py" "$data/grid_s1" letter letter.csv
        avgap prepare csv letter.csv -o letter.h5 --frames 4 --frame-size 32 \
            --audio-recipe logmel --seconds 0.5
        ;;
    *)
        echo "caches.sh: unknown name $name" >&2
        exit 2
        ;;
    esac
done
