"""The dataset `cremad`: CREMA-D (Cao et al. 2014), 91 actors speaking twelve sentences in moods.

A clip is named ACTOR_SENTENCE_EMOTION_LEVEL, so that its label and its speaker stand in its name.
"""

from __future__ import annotations

import re
from pathlib import Path

from avgap.artifact.csv import read_csv
from avgap.data.clip import Clip, Listing
from avgap.data.datasets.folder import find_media, why_broken, within
from avgap.errors import InputError

CLASSES = ("NEU", "HAP", "SAD", "FEA", "DIS", "ANG")  # the order of OGM-GE and its followers
PUBLISHED = {"clips": 7442, "speakers": 91, "classes": 6}
_ID = re.compile(r"(\d{4})_[A-Z]{3}_([A-Z]{3})_[A-Z]{2}")
_NAMES = "SentenceFilenames.csv"
_VOTES = ("tabulatedVotes.csv", "tabulatedVotes.csv.gz")
_CONDITIONS = {"1": "votes_voice", "2": "votes_face", "3": "votes_both"}


def cremad(root: Path) -> Listing:
    """List the clips of CREMA-D as cloned: AudioWAV/ and VideoFlash/, or any folders like them.

    Videos (.flv, .mp4 …, else folders of frames) and sounds (.wav before .mp3; without any the
    video's own) are found by name. Names in SentenceFilenames.csv without a file make broken clips.
    meta: speaker (the actor), and where tabulatedVotes.csv is there the share of raters who agree
    with the label by voice, by face and by both (votes_voice, votes_face, votes_both).
    Raises InputError: no folder, no clips, a table that cannot be read.
    """
    media = find_media(root, lambda stem: stem if _ID.fullmatch(stem) else None)
    ids = {*media.videos, *media.sounds, *_named(root)}
    if not ids:
        raise InputError(
            f"{root} holds no clips of CREMA-D, named like 1001_DFA_ANG_XX",
            hint="git clone https://github.com/CheyneyComputerScience/CREMA-D (with git lfs)",
        )
    votes = _votes(root)
    clips = []
    for id in sorted(ids):
        actor, label = _ID.fullmatch(id).groups()  # type: ignore[union-attr]
        video, audio = media.videos.get(id), media.sounds.get(id)
        meta = {"video": within(video, root), "audio": within(audio, root), "speaker": actor}
        broken = why_broken(video, audio) if video else f"no video {id}.flv"
        meta |= votes.get(id, {})
        clips.append(Clip(id, label, "", video, audio=audio, meta=meta, broken=broken))
    return Listing(clips, CLASSES, augment=True, published=PUBLISHED)


def _named(root: Path) -> set[str]:
    """The ids of SentenceFilenames.csv, where it is there."""
    rows = read_csv(root / _NAMES).records() if (root / _NAMES).exists() else []
    return {row["Filename"] for row in rows if _ID.fullmatch(row.get("Filename", ""))}


def _votes(root: Path) -> dict[str, dict[str, str]]:
    """Per clip the share of raters agreeing with its label, per condition.

    The first digit of a row's number tells the condition; columns A, D, F, H, N and S count votes.
    """
    places = [folder / name for folder in (root, root / "processedResults") for name in _VOTES]
    found: dict[str, dict[str, str]] = {}
    for row in next((read_csv(place).records() for place in places if place.exists()), []):
        match = _ID.fullmatch(row.get("fileName", ""))
        condition = _CONDITIONS.get(row.get("", "")[:1])
        if match is None or condition is None:
            continue
        try:
            share = int(row[match[2][0]]) / int(row["numResponses"])
        except (KeyError, TypeError, ValueError, ZeroDivisionError):
            continue
        found.setdefault(match[0], {})[condition] = f"{share:.4f}"
    return found
