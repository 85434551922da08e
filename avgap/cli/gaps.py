"""`avgap gaps`: options in, one call, result out."""

from __future__ import annotations

from pathlib import Path

from avgap import console, options
from avgap.cli.common import STDOUT, command_line, finished, one_result


def gaps(
    cache: options.CacheFile,
    checkpoint: options.CheckpointFile,
    output: options.OutputOrStdout,
    split: options.Split = "train",
    logits: options.Logits = False,
    batch_size: options.InferenceBatchSize = 256,
    precision: options.Precision = "fp32",
    device: options.Device = "auto",
    force: options.Force = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """③ Measure the modality gap of every sample.

    Audio's minus visual's softmax score of the true class, Eq. 4 and 6.

    \b
    avgap gaps cache.h5 --checkpoint run/warmup/checkpoint.pt -o run/gaps.h5
    avgap gaps cache.h5 -c run/warmup/checkpoint.pt -o - | avgap fitgmm - -o -
    """
    console.setup(quiet=quiet)
    one_result(output, as_json)
    from avgap.gapfile import gaps_as_csv
    from avgap.gaps import gaps as stage
    from avgap.summary import histogram

    result = stage(
        cache,
        checkpoint,
        output,
        split=split,
        logits=logits,
        batch_size=batch_size,
        precision=precision,
        device_name=device,
        force=force,
    )
    if output == STDOUT:
        console.artifact(gaps_as_csv(result.table))
        return
    console.result(histogram(result.table.gap), result.as_dict(), as_json=as_json)
    finished(output, result.up_to_date)
    console.suggest(command_line("fitgmm", Path(output), "-o", Path(output).with_name("gmm.json")))
