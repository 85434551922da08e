"""What all our files share: a stamp, a digest of the content, atomic writing, "same question?".

Every artifact records the question that it answers: the digests of its inputs and every resolved
parameter that can change the answer. The same question again confirms or finishes the work; another
question over the same file is refused. Where and when never belong to a question.
"""

from avgap.artifact.disk import create_hdf5
from avgap.artifact.locks import alone_in
from avgap.artifact.output import Answer, Kind, Output
from avgap.artifact.question import compare, expect_no_input, is_longer, reuse, unharmed
from avgap.artifact.reading import (
    attribute,
    first_line,
    open_hdf5,
    parse_json,
    read_json,
    read_stamp,
    read_tensors,
    stamp_keys_of_comment,
    stamp_keys_of_hdf5,
)
from avgap.artifact.stamp import (
    FORMAT_VERSION,
    FORMATS,
    STANDARD_STREAM,
    InPieces,
    Question,
    Stamp,
    checksum,
    digest,
    expect,
    expect_whole,
    hint,
    is_stamped,
    parse_stamp,
    provenance,
    real,
)
from avgap.artifact.writing import (
    atomic,
    expect_an_end,
    put_attribute,
    stamp_hdf5,
    to_csv,
    to_json,
    write_text,
)

__all__ = [
    "FORMATS",
    "FORMAT_VERSION",
    "STANDARD_STREAM",
    "Answer",
    "InPieces",
    "Kind",
    "Output",
    "Question",
    "Stamp",
    "alone_in",
    "atomic",
    "attribute",
    "checksum",
    "compare",
    "create_hdf5",
    "digest",
    "expect",
    "expect_an_end",
    "expect_no_input",
    "expect_whole",
    "first_line",
    "hint",
    "is_longer",
    "is_stamped",
    "open_hdf5",
    "parse_json",
    "parse_stamp",
    "provenance",
    "put_attribute",
    "read_json",
    "read_stamp",
    "read_tensors",
    "real",
    "reuse",
    "stamp_hdf5",
    "stamp_keys_of_comment",
    "stamp_keys_of_hdf5",
    "to_csv",
    "to_json",
    "unharmed",
    "write_text",
]
