"""`avgap evaluate`: options in, one call, result out."""

from __future__ import annotations

from avgap import console
from avgap.cli import early, options
from avgap.cli.common import STDOUT, command_line, finished, one_result
from avgap.errors import UsageError
from avgap.settings import Inference


@options.from_settings
def evaluate(
    cache: options.CacheFile,
    checkpoint: options.CheckpointFile,
    output: options.OutputOrStdout,
    *,
    split: options.Split = "test",
    save_predictions: options.SavePredictions = None,
    inference: Inference,
    force: options.Force = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """⑥ Measure a checkpoint on a split.

    Accuracy, macro F1, average precision and calibration of fused, audio and visual.

    \b
    avgap evaluate cache.h5 --checkpoint run/adapt/checkpoint.pt -o run/adapt/metrics.json
    """
    console.setup(quiet=quiet)
    one_result(output, as_json)
    if save_predictions is not None and str(save_predictions) == STDOUT:
        raise UsageError("--save-predictions writes a file", hint="--save-predictions FILE.h5")
    early.expect_device(inference.device)
    early.expect_files(cache, checkpoint)
    early.expect_name(output, "metrics")
    early.expect_name(save_predictions, "gaps")
    from avgap.evaluate import evaluate as stage

    result = stage(
        cache,
        checkpoint,
        output,
        split=split,
        predictions=save_predictions,
        batch_size=inference.batch_size,
        precision=inference.precision,
        device_name=inference.device,
        force=force,
    )
    if output == STDOUT:
        console.artifact(result.text)
        return
    console.result(result.table(), result.as_dict(), as_json=as_json)
    finished(output, result.up_to_date)
    if save_predictions is not None:
        finished(save_predictions, result.up_to_date)
    console.suggest(command_line("report", checkpoint.parent.parent, "-o", "report.html"))
