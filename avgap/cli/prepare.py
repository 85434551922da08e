"""`avgap prepare`: options in, one call, result out."""

from __future__ import annotations

import os

from avgap import console
from avgap.cli import options
from avgap.cli.common import command_line, finished
from avgap.settings import AUDIO_RECIPES, FrameRecipe, override


def prepare(
    dataset: options.Dataset,
    root: options.Root,
    output: options.OutputFile,
    splits: options.Splits = None,
    split_by: options.SplitBy = None,
    val_fraction: options.ValFraction = 0.1,
    leaks: options.Leaks = "keep",
    window: options.Window = "event",
    corrupt: options.Corrupt = None,
    frames: options.Frames = FrameRecipe.count,
    sampling: options.Sampling = FrameRecipe.sampling,
    frame_size: options.FrameSize = FrameRecipe.size,
    audio_recipe: options.AudioRecipeName = "ogm",
    sample_rate: options.SampleRate = None,
    seconds: options.Seconds = None,
    n_fft: options.NFft = None,
    hop_length: options.HopLength = None,
    mels: options.Mels = None,
    decoder: options.Decoder = "auto",
    workers: options.Workers = None,
    shard: options.Shard = None,
    keep_sound: options.KeepSound = False,
    allow_missing: options.AllowMissing = 0,
    limit: options.Limit = None,
    seed: options.Seed = 0,
    dry_run: options.DryRun = False,
    force: options.Force = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """① Decode media files into a cache.

    Spectrograms and frames, once, so that no later stage decodes anything.

    \b
    avgap prepare csv clips.csv -o cache.h5
    avgap prepare cremad CREMA-D -o cache.h5 --splits OGM-GE/data/CREMAD
    avgap prepare ave AVE_Dataset -o cache.h5 --leaks drop
    avgap prepare avdigits free-spoken-digit-dataset -o cache.h5 --corrupt visual:0.15
    avgap prepare embeddings features.npz -o cache.h5
    """
    console.setup(quiet=quiet)
    from avgap.data.cache.shards import parse as parse_shard
    from avgap.errors import unknown
    from avgap.prepare import prepare as stage

    if audio_recipe not in AUDIO_RECIPES:
        raise unknown("audio recipe", audio_recipe, AUDIO_RECIPES)
    changes = {
        "sample_rate": sample_rate,
        "seconds": seconds,
        "n_fft": n_fft,
        "hop_length": hop_length,
        "mels": mels,
    }
    result = stage(
        dataset,
        root,
        output,
        audio=override(AUDIO_RECIPES[audio_recipe], **changes),
        frames=FrameRecipe(frames, frame_size, sampling),
        decoder=decoder,
        val_fraction=val_fraction,
        corrupt=corrupt,
        seed=seed,
        splits=splits,
        split_by=split_by,
        leaks=leaks,
        window=window,
        limit=limit,
        allow_missing=allow_missing,
        workers=workers,
        shard=None if shard is None else parse_shard(shard, os.environ),
        keep_sound=keep_sound,
        force=force,
        dry_run=dry_run,
    )
    console.result(result.table(), result.as_dict(), as_json=as_json)
    for line in result.notices():
        console.notice(line)
    if not dry_run:
        finished(output, result.status == "up to date")
        encoder = ["--encoder", "mlp"] if dataset == "embeddings" else []
        next_line = command_line("warmup", output, "-o", "warmup", *encoder)
        console.suggest(next_line if shard is None else "avgap merge SHARD... -o cache.h5")
