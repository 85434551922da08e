"""`avgap prepare`: options in, one call, result out."""

from __future__ import annotations

import os

from avgap import console
from avgap.cli import early, names, options
from avgap.cli.common import command_line, finished
from avgap.settings import (
    AUDIO_RECIPES,
    AudioRecipe,
    FrameRecipe,
    Preparation,
    override,
    parameters,
)


@options.from_settings
def prepare(
    dataset: options.Dataset,
    root: options.Root,
    output: options.OutputFile,
    *,
    splits: options.Splits = None,
    preparation: Preparation,
    frames: FrameRecipe,
    audio_recipe: options.AudioRecipeName = AudioRecipe.name,
    audio: options.AudioChanges,
    shard: options.Shard = None,
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
    early.expect_known("dataset", dataset, names.DATASETS)
    early.expect_known("audio recipe", audio_recipe, AUDIO_RECIPES)
    early.expect_root(dataset, root)
    early.expect_there(*([] if splits is None else [splits]))
    early.expect_name(output, "cache")
    from avgap.data.cache.shards import parse as parse_shard
    from avgap.prepare import prepare as stage

    result = stage(
        dataset,
        root,
        output,
        audio=override(AUDIO_RECIPES[audio_recipe], **audio),
        frames=frames,
        splits=splits,
        shard=None if shard is None else parse_shard(shard, os.environ),
        dry_run=dry_run,
        force=force,
        **parameters(preparation),
    )
    console.result(result.table(), result.as_dict(), as_json=as_json)
    for line in result.notices():
        console.notice(line)
    if not dry_run:
        finished(output, result.status == "up to date")
        encoder = ["--encoder", "mlp"] if dataset == "embeddings" else []
        next_line = command_line("warmup", output, "-o", "warmup", *encoder)
        console.suggest(next_line if shard is None else "avgap merge SHARD... -o cache.h5")
