"""Shards: which clips are whose, from the command line or a job's variables."""

from __future__ import annotations

import pytest

from avgap.data.cache.shards import Shard, parse
from avgap.errors import UsageError


def test_every_clip_is_in_exactly_one_shard():
    clips = list(range(11))
    shards = [Shard(number, 3).of(clips) for number in (1, 2, 3)]
    assert shards == [[0, 3, 6, 9], [1, 4, 7, 10], [2, 5, 8]]


def test_a_share_is_read_and_written_as_i_of_n():
    assert parse("2/4", {}) == Shard(2, 4)
    assert str(Shard(2, 4)) == "2/4"


@pytest.mark.parametrize(
    ("variables", "shard"),
    [
        ({"RANK": "0", "WORLD_SIZE": "2"}, "1/2"),
        ({"SLURM_ARRAY_TASK_ID": "3", "SLURM_ARRAY_TASK_COUNT": "4"}, "4/4"),
        (
            {
                "SLURM_ARRAY_TASK_ID": "1",
                "SLURM_ARRAY_TASK_COUNT": "4",
                "SLURM_ARRAY_TASK_MIN": "1",
                "RANK": "0",
                "WORLD_SIZE": "1",
            },
            "1/4",
        ),
        (
            {
                "SLURM_ARRAY_TASK_ID": "30",
                "SLURM_ARRAY_TASK_COUNT": "4",
                "SLURM_ARRAY_TASK_MIN": "10",
                "SLURM_ARRAY_TASK_STEP": "10",
            },
            "3/4",
        ),
    ],
)
def test_auto_reads_an_arrays_or_torchruns_variables(variables, shard):
    assert str(parse("auto", variables)) == shard


@pytest.mark.parametrize("text", ["0/2", "3/2", "1", "a/b", "1/0", "-1/2", ""])
def test_what_is_no_share_is_a_usage_error(text):
    with pytest.raises(UsageError):
        parse(text, {})


def test_auto_needs_the_variables_and_never_guesses():
    with pytest.raises(UsageError, match="finds no variables of an array job"):
        parse("auto", {"RANK": "0"})
    with pytest.raises(UsageError, match="cannot use RANK=x, WORLD_SIZE=2"):
        parse("auto", {"RANK": "x", "WORLD_SIZE": "2"})
    listed = {"SLURM_ARRAY_TASK_ID": "9", "SLURM_ARRAY_TASK_COUNT": "2"}
    with pytest.raises(UsageError, match="share 10 of 2 does not exist"):
        parse("auto", listed)


def test_more_shards_than_clips_are_refused():
    with pytest.raises(UsageError, match="4 shards of 3 clips leave some without any"):
        Shard(1, 4).of("abc")
