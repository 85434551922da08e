"""What is longer than an HDF5 attribute can hold."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

from avgap.artifact import attribute, put_attribute, read_stamp, stamp_hdf5
from avgap.artifact.stamp import Stamp

VALUES = {
    "text": "é" * 100_000,
    "names": [f"speaker {i} ü" for i in range(6_000)],
    "mean": np.arange(9_000.0),
}


@pytest.mark.parametrize("name", VALUES)
@pytest.mark.parametrize("length", [3, 4_000, None])
def test_what_is_put_is_read_back_however_long(tmp_path, name, length):
    value = VALUES[name][:length]
    with h5py.File(tmp_path / "f.h5", "w") as file:
        put_attribute(file, name, value)
    with h5py.File(tmp_path / "f.h5") as file:
        read = attribute(file, name)
        assert (read if name == "text" else list(read)) == (
            value if name == "text" else list(value)
        )
        assert (name in file.attrs) == (length == 3 or (length == 4_000 and name != "names"))
        assert attribute(file, "absent") is None


def test_a_stamp_with_very_many_class_names_is_read_back(tmp_path):
    classes = [f"class {i}" for i in range(20_000)]
    stamp = Stamp("avgap.gaps", "0" * 64, {}, {"classes": classes}, {}, {})
    with h5py.File(tmp_path / "gaps.h5", "w") as file:
        stamp_hdf5(file, stamp)
    assert read_stamp(tmp_path / "gaps.h5").parameters["classes"] == classes
