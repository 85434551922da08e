"""What `prepare` decides before it decodes: which clips, in which order, which are corrupted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from avgap import artifact, console
from avgap.artifact import Question
from avgap.data.audit import Audit, Sample, audit, compare_counts
from avgap.data.cache.header import Header
from avgap.data.cache.reader import FORMAT
from avgap.data.cache.shards import Shard
from avgap.data.clip import Clip, Listing, check
from avgap.data.datasets import DATASETS, FILES
from avgap.data.media import crop, fingerprint
from avgap.data.media.corrupt import Corruption, parse
from avgap.data.media.sampling import frame_rate
from avgap.data.media.spectrogram import check_recipe
from avgap.data.splitting import hold_out_val, into_splits, limited, stratified
from avgap.errors import InputError, UsageError, unknown
from avgap.settings import SPLITS, AudioRecipe, Embedding, FrameRecipe, parameters
from avgap.text import look_alike, one_form

_ALIKE_TOLD = 5  # groups of classes that look alike
_CORRUPT_SPLITS = {"all": SPLITS, "train": ("train",)}
_COLUMNS = ("video", "audio", "start", "end", "speaker", "corrupt")


class Options(NamedTuple):
    """The options of `prepare` that decide about the content."""

    decoder: str
    val_fraction: float
    corrupt: str | None
    seed: int
    splits: Path | None
    limit: int | None
    shard: Shard | None = None
    split_by: str | None = None
    window: str = "event"
    leaks: str = "keep"
    keep_sound: bool = False
    corrupt_splits: str = "all"
    crop: str | None = None


@dataclass(frozen=True)
class Plan:
    """The clips in the order of the cache, and the question.

    corrupt: the ids of those that are corrupted. published: what the dataset's authors count,
    beside what was found. notes: for the audit.
    """

    root: Path
    options: Options
    clips: list[Clip]
    header: Header
    corruption: Corruption | None
    corrupt: frozenset[str]
    question: Question
    published: dict[str, dict[str, int]]
    notes: list[str]

    @property
    def sizes(self) -> dict[str, int]:
        """Clips per split."""
        return {split: sum(clip.split == split for clip in self.clips) for split in SPLITS}

    def audit(self, samples: Iterable[Sample]) -> Audit:
        """What is worth knowing of these clips, and of how they were listed."""
        return audit(samples, self.header.classes, self.published, self.notes)

    def key(self, clip: Clip) -> str:
        """The digest of all that decides about a clip's arrays, the state of its files included."""
        corruption = self.corruption if clip.id in self.corrupt else None
        return artifact.digest(
            *(clip.id, clip.start, clip.end),
            given_digest(clip),
            [[str(path.absolute()), *fingerprint.state(path)] for path in fingerprint.paths(clip)],
            parameters(self.header.audio_recipe),
            parameters(self.header.frame_recipe),
            *(self.options.decoder, self.options.keep_sound),
            None if corruption is None else [corruption.flag, self.options.seed],
            *([] if clip.crop is None else [list(clip.crop)]),
        )


def make_plan(
    dataset: str, root: Path, audio: AudioRecipe, frames: FrameRecipe, options: Options
) -> Plan:
    """List the dataset's clips, divide and check them, and choose which are corrupted.

    Raises UsageError: unknown dataset; InputError: missing root, a listing or splits with problems.
    """
    if dataset not in DATASETS:
        raise unknown("dataset", dataset, DATASETS)
    check_recipe(audio)
    frame_rate(frames.sampling)
    if not root.exists() and dataset != "demo":
        raise InputError(f"{root} does not exist")
    if root.is_file() and dataset not in FILES:
        raise InputError(f"{root} is a file, not the folder of {dataset}")
    corruption = None if options.corrupt is None else parse(options.corrupt)
    if corruption is None and options.corrupt_splits != "all":
        raise UsageError("--corrupt-splits says where, not what", hint="--corrupt visual:0.3")
    box = None if options.crop is None else crop.parse(options.crop)
    listing = named_alike(DATASETS[dataset](root))
    clips, notes, ways = _in_splits(listing, root, options)
    audio_recipe, frame_recipe = _recipes(clips, audio, frames, options)
    splits = _CORRUPT_SPLITS[options.corrupt_splits]
    corrupt = corrupt_ids(clips, corruption, options.seed, splits)
    clips = [_with_columns(clip, corruption if clip.id in corrupt else None) for clip in clips]
    question = Question(
        FORMAT,
        {"source": _source_digest(clips)},
        {
            "dataset": dataset,
            "audio": parameters(audio_recipe),
            "frames": parameters(frame_recipe),
            "decoder": options.decoder,
            "split_by": ways.split_by,
            "val_fraction": options.val_fraction if ways.val else None,
            "window": options.window,
            "leaks": options.leaks,
            "corrupt": None if corruption is None else corruption.spec,
            "limit": options.limit,
            "keep_sound": options.keep_sound,
            "seed": options.seed if any(ways) or corruption is not None else None,
            # Only where they are used: a cache from before there were such options stays the same.
            **({} if splits == SPLITS else {"corrupt_splits": options.corrupt_splits}),
            **({} if box is None else {"crop": list(box)}),
            **({} if options.shard is None else {"shard": str(options.shard)}),
        },
    )
    clips = [replace(clip, crop=box) if clip.crop is None else clip for clip in clips]
    # Last, so that every machine divides, corrupts and asks as one machine alone would.
    if options.shard is not None:
        clips = options.shard.of(clips)
    recipes = audio_recipe, frame_recipe
    header = Header(dataset, listing.classes, listing.augment, *recipes, options.keep_sound)
    published = compare_counts(listing)
    return Plan(root, options, clips, header, corruption, corrupt, question, published, notes)


def named_alike(listing: Listing) -> Listing:
    """The listing with one name for each class, however its letters are composed."""
    labels = {*listing.classes, *(clip.label for clip in listing.clips)}
    forms = one_form(labels)
    if all(name == form for name, form in forms.items()):
        clips = listing.clips
    else:
        clips = [replace(clip, label=forms[clip.label]) for clip in listing.clips]
    classes = tuple(dict.fromkeys(forms[name] for name in listing.classes))
    for group in look_alike(classes)[:_ALIKE_TOLD]:
        console.warn(
            f"these classes look alike, and are told apart: {', '.join(map(ascii, group))}"
        )
    return replace(listing, clips=clips, classes=classes)


def corrupt_ids(
    clips: Sequence[Clip],
    corruption: Corruption | None,
    seed: int,
    splits: Sequence[str] = SPLITS,
) -> frozenset[str]:
    """The clips to corrupt: the share of each of the splits, as evenly as can be of every class."""
    if corruption is None:
        return frozenset()
    chosen: set[str] = set()
    for split in sorted({clip.split for clip in clips} & set(splits)):
        strata = {clip.id: clip.label for clip in clips if clip.split == split}
        chosen |= stratified(strata, corruption.share, seed, f"corrupt {split}")
    return frozenset(chosen)


def _recipes(
    clips: Sequence[Clip], audio: AudioRecipe, frames: FrameRecipe, options: Options
) -> tuple[AudioRecipe | Embedding, FrameRecipe | Embedding]:
    """The recipes, or what stands in their place where the clips are embeddings.

    Raises UsageError for options of a front end where there is none.
    """
    features = clips[0].features
    if features is None:
        return audio, frames
    given = {
        "an audio recipe": audio != AudioRecipe(),
        "frames": frames != FrameRecipe(),
        "--decoder": options.decoder != "auto",
        "--corrupt": options.corrupt is not None,
        "--crop": options.crop is not None,
        "--keep-sound": options.keep_sound,
    }
    if any(given.values()):
        names = [name for name, is_given in given.items() if is_given]
        raise UsageError("embeddings have no front end", [f"given: {', '.join(names)}"])
    return Embedding(len(features[0])), Embedding(len(features[1]))


class _Ways(NamedTuple):
    """By what the clips were divided, and whether validation was drawn by us."""

    split_by: str | None
    val: bool


def _in_splits(
    listing: Listing, root: Path, options: Options
) -> tuple[list[Clip], list[str], _Ways]:
    """The clips that are wanted, each in its final split, ordered by split and id; and notes."""
    (clips, notes), way = into_splits(
        listing,
        options.splits,
        options.split_by,
        options.leaks,
        options.val_fraction,
        options.seed,
    )
    source = f"{root} divided by {options.splits}" if options.splits else str(root)
    check(replace(listing, clips=clips), source)
    divided, drawn = hold_out_val(clips, options.val_fraction, options.seed)
    if listing.complete is not None:
        divided = listing.complete(divided)
    if options.window == "clip":
        divided = [replace(clip, start=None, end=None) for clip in divided]
    if options.limit is not None:
        divided = limited(divided, options.limit)
    divided.sort(key=lambda clip: (SPLITS.index(clip.split), clip.id))
    return divided, [*listing.notes, *notes], _Ways(way, drawn or way == "speaker")


def _with_columns(clip: Clip, corruption: Corruption | None) -> Clip:
    columns = {**dict.fromkeys(_COLUMNS, ""), **clip.meta}
    columns |= {"start": _seconds(clip.start), "end": _seconds(clip.end)}
    if corruption is not None:
        flags = [flag for flag in (columns["corrupt"], corruption.flag) if flag]
        columns["corrupt"] = ";".join(flags)
    return replace(clip, meta=columns)


def given_digest(clip: Clip) -> str:
    """The digest of what a clip holds without a file; empty for media."""
    parts = [array for array in (clip.image, *(clip.features or ())) if array is not None]
    return artifact.digest(*parts) if parts else ""


def _seconds(time: float | None) -> str:
    return "" if time is None else f"{time:.6f}".rstrip("0").rstrip(".")


def _source_digest(clips: Sequence[Clip]) -> str:
    """What the cache is made from: the clips' facts and the sizes of their files, not the paths.

    Of boxes those that a table gives; one for all is a parameter.
    """
    rows = [
        [
            *(clip.id, clip.label, clip.split, clip.start, clip.end, clip.meta["corrupt"]),
            [
                None if path is None else fingerprint.state(path).size
                for path in (clip.video, clip.audio)
            ],
            given_digest(clip),
            *([] if clip.crop is None else [list(clip.crop)]),
        ]
        for clip in clips
    ]
    return artifact.digest("source", rows)
