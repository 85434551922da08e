"""`avgap gaps`: options in, one call, result out."""

from __future__ import annotations

from pathlib import Path

import typer

from avgap import console
from avgap.cli import early, options
from avgap.cli.common import STDOUT, command_line, finished, given, one_result
from avgap.errors import UsageError
from avgap.settings import Inference

_WAYS = ("avgap gaps CACHE --checkpoint FILE -o GAPS", "avgap gaps --predictions FILE -o GAPS")


@options.from_settings
def gaps(
    ctx: typer.Context,
    output: options.OutputOrStdout,
    *,
    cache: options.OptionalCache = None,
    checkpoint: options.OptionalCheckpoint = None,
    predictions: options.Predictions = None,
    split: options.Split = "train",
    logits: options.Logits = False,
    inference: Inference,
    force: options.Force = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """③ Measure the modality gap of every sample.

    Audio's minus visual's softmax score of the true class, Eq. 4 and 6; of a checkpoint on a cache,
    or of any model's scores.

    \b
    avgap gaps cache.h5 --checkpoint run/warmup/checkpoint.pt -o run/gaps.h5
    avgap gaps cache.h5 -c run/warmup/checkpoint.pt -o - | avgap fitgmm - -o -
    avgap gaps --predictions scores.npz -o gaps.h5
    """
    console.setup(quiet=quiet)
    one_result(output, as_json)
    if predictions is not None:
        _alone(ctx, cache, checkpoint)
        early.expect_scores(predictions)
        early.expect_name(output, "gaps")
        from avgap.gaps import gaps_of_predictions

        result = gaps_of_predictions(predictions, output, logits=logits, force=force)
    elif cache is None or checkpoint is None:
        lacking = [n for n, v in (("CACHE", cache), ("--checkpoint", checkpoint)) if v is None]
        raise UsageError(f"gaps needs {' and '.join(lacking)}, or --predictions", _WAYS)
    else:
        early.expect_device(inference.device)
        early.expect_files(cache, checkpoint)
        early.expect_name(output, "gaps")
        from avgap.gaps import gaps as stage

        result = stage(
            cache,
            checkpoint,
            output,
            split=split,
            logits=logits,
            batch_size=inference.batch_size,
            precision=inference.precision,
            device_name=inference.device,
            force=force,
        )
    from avgap.artifact.gaps import gaps_as_csv
    from avgap.mixture.plain import measured, plain, rightness, told
    from avgap.mixture.verdict import histogram

    table = result.table
    if output == STDOUT:
        console.artifact(gaps_as_csv(table))
        return
    right = rightness(table.label, table.fused_pred, table.audio_pred, table.visual_pred)
    lines = [f"gaps {measured(table.held_out, table.fold)}", *told(plain(table.gap, right)), ""]
    words = "\n".join([*lines, histogram(table.gap)])
    console.result(words, result.as_dict(), as_json=as_json)
    finished(output, result.up_to_date)
    console.suggest(command_line("fitgmm", Path(output), "-o", Path(output).with_name("gmm.json")))


def _alone(ctx: typer.Context, cache: Path | None, checkpoint: Path | None) -> None:
    """Raise UsageError where what belongs to a model of avgap is given beside scores."""
    beside = [n for n, v in (("CACHE", cache), ("--checkpoint", checkpoint)) if v is not None]
    names = ("split", "batch_size", "precision")
    beside += [f"--{name.replace('_', '-')}" for name in names if given(ctx, name)]
    if beside:
        raise UsageError(f"--predictions excludes {', '.join(beside)}", _WAYS)
