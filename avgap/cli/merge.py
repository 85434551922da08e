"""`avgap merge`: options in, one call, result out."""

from __future__ import annotations

from avgap import console
from avgap.cli import early, options
from avgap.cli.common import command_line, finished


def merge(
    shards: options.Shards,
    output: options.OutputFile,
    force: options.Force = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Join the shards of a cache.

    Shards made by prepare --shard, on any machines, become the cache of one run.

    \b
    avgap prepare csv clips.csv -o shards/1.h5 --shard 1/2
    avgap prepare csv clips.csv -o shards/2.h5 --shard 2/2
    avgap merge shards -o cache.h5
    """
    console.setup(quiet=quiet)
    early.expect_there(*shards)
    early.expect_name(output, "cache")
    from avgap.merge import merge as stage

    result = stage(shards, output, force=force)
    console.result(result.table(), result.as_dict(), as_json=as_json)
    for line in result.notices():
        console.notice(line)
    finished(output, result.status == "up to date")
    console.suggest(command_line("warmup", output, "-o", "warmup"))
