#!/bin/sh
# The small caches of docs/results.md, from real data: caches.sh DATA OUT [NAME…]
#
# DATA holds fsdd/recordings/ (the Free Spoken Digit Dataset), mnist/ (the 10,000 test images of MNIST)
# and grid_s1/ (clips of talker 1 of the GRID corpus; grid_table.py says which columns the list of its
# words and their times must have). NAME is one or more of
#   pca25          spoken digits with the MNIST image of the digit, all images at 25 % of their variance
#   noise          the same images whole, but noise in place of the image in 30 % of the clips
#   sound          the same images whole, but noise in place of the sound in 30 % of the clips
#   noise-train30  as noise, but in training alone; noise-train50: in 50 % of it
#   sound-train30  as sound, but in training alone; sound-train50: in 50 % of it
#   speaker        as pca25, but one speaker is test and another validation: six caches,
#                  speaker-NAME for each, which may also be named alone
#   letter         one spoken letter of GRID per clip, and the whole face of its talker
#   lips           one spoken letter or digit of GRID per clip, white noise added to the sound at
#                  −5 dB, and the mouth of its talker
# Audio: 32 mel bands × 33 windows, 16 ms apart (GRID: 64 × 51); images of 28 px (letter: four of
# 32 px, lips: six of 32 px).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
all="pca25 noise sound noise-train30 noise-train50 sound-train30 sound-train50 speaker letter lips"
[ $# -ge 2 ] || { echo "usage: $0 DATA OUT [NAME…], of $all" >&2; exit 2; }
data=$(cd "$1" && pwd)
mkdir -p "$2"
cd "$2"
shift 2
[ $# -gt 0 ] || set -- $all
avgap() { "${PYTHON:-python3}" -m avgap "$@"; }

digits() { # NAME SPOIL OPTIONS…
    for images in "$data"/mnist/*images-idx3-ubyte*; do
        [ -e "$images" ] || { echo "caches.sh: $data/mnist holds no images of MNIST" >&2; exit 2; }
    done
    mkdir -p digits
    ln -sfn "$data/fsdd/recordings" digits/recordings
    ln -sfn "$data/mnist" digits/mnist
    name=$1 spoil=$2
    shift 2
    avgap prepare avdigits digits -o "$name.h5" --corrupt "$spoil" --frames 1 --frame-size 28 \
        --audio-recipe logmel --sample-rate 8000 --seconds 0.512 --n-fft 256 --hop-length 128 --mels 32 \
        "$@"
}

speaker() { # NAME: the fold whose test is this speaker
    splits "$1" "speaker-$1.csv"
    digits "speaker-$1" visual:1.0:pca25 --splits "speaker-$1.csv"
}

splits() { "${PYTHON:-python3}" "$here/speaker_splits.py" "$data/fsdd/recordings" "$@"; }

grid() { # NAME WORDS OPTIONS…
    name=$1 words=$2
    shift 2
    "${PYTHON:-python3}" "$here/grid_table.py" "$data/grid_s1" "$words" "$name.csv"
    avgap prepare csv "$name.csv" -o "$name.h5" --frame-size 32 --audio-recipe logmel --seconds 0.5 "$@"
}

for name in "$@"; do
    case $name in
    pca25) digits pca25 visual:1.0:pca25 ;;
    noise) digits noise visual:0.3:noise ;;
    sound) digits sound audio:0.3:noise ;;
    noise-train30) digits "$name" visual:0.3:noise --corrupt-splits train ;;
    noise-train50) digits "$name" visual:0.5:noise --corrupt-splits train ;;
    sound-train30) digits "$name" audio:0.3:noise --corrupt-splits train ;;
    sound-train50) digits "$name" audio:0.5:noise --corrupt-splits train ;;
    speaker)
        speakers=$(splits)
        for each in $speakers; do speaker "$each"; done
        ;;
    speaker-*) speaker "${name#speaker-}" ;;
    letter) grid letter letter --frames 4 ;;
    lips) grid lips letter,digit --frames 6 --crop 72,136,88,76 --corrupt audio:1.0:white:-5dB ;;
    *)
        echo "caches.sh: unknown name $name, of $all" >&2
        exit 2
        ;;
    esac
done
