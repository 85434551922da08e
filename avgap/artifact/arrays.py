"""Named arrays that somebody else wrote: .npz and HDF5, read without running any code in them."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from avgap import artifact
from avgap.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Arrays = dict[str, NDArray[Any]]


def read_npz(path: Path) -> Arrays:
    """Every array of an .npz. Raises InputError: unreadable, one array alone, or pickled."""
    arrays: Arrays = {}
    name = ""
    try:
        # Never pickled: loading that could run code.
        with path.open("rb") as raw:
            file = np.load(raw, allow_pickle=False)
            if isinstance(file, np.ndarray):
                raise InputError(f"{path} is one array, not an .npz of several", (), "numpy.savez")
            for name in file.files:
                arrays[name] = file[name]
    except ValueError as error:
        what = f"the array {name!r} is" if name else "it is no .npz, or"
        raise InputError(
            f"{path} cannot be read",
            [f"{what} pickled, and loading that could run code ({artifact.first_line(error)})"],
            "save text as numpy.array(names, dtype=str)",
        ) from error
    except (OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise InputError(f"{path} cannot be read as .npz", [artifact.first_line(error)]) from error
    return arrays


def read_hdf5(path: Path) -> Arrays:
    """Every dataset at the top of an HDF5 file. Raises InputError: unreadable."""
    import h5py

    with artifact.open_hdf5(path) as file:
        datasets = {name: item for name, item in file.items() if isinstance(item, h5py.Dataset)}
        return {
            name: np.asarray((item.asstr() if h5py.check_string_dtype(item.dtype) else item)[()])
            for name, item in datasets.items()
        }


def texts(array: NDArray[Any]) -> list[str]:
    """The values as text, stripped, (N,)."""
    if array.dtype.kind == "S":
        return [value.decode("utf-8", "replace").strip() for value in array.tolist()]
    return [str(value).strip() for value in array.tolist()]


def type_and_shape(array: NDArray[Any]) -> str:
    """Type and shape, for errors."""
    return f"{array.dtype} {array.shape}"
