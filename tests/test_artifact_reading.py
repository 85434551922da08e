"""HDF5 as others write it, and as file systems give it: what is said is what is so."""

from __future__ import annotations

import errno
import subprocess
import sys

import h5py
import numpy as np
import pytest

from avgap.artifact.gaps import read_gaps
from avgap.artifact.reading import open_hdf5
from avgap.errors import InputError


def secret(tmp_path):
    path = tmp_path / "secret.h5"
    with h5py.File(path, "w") as file:
        file["gap"] = np.linspace(-1, 1, 9)
    (tmp_path / "secret.bin").write_bytes(np.linspace(-1, 1, 9).tobytes())
    return path


def external_link(file, there):
    file["gap"] = h5py.ExternalLink(str(there), "/gap")


def external_storage(file, there):
    place = [(str(there.with_suffix(".bin")), 0, 72)]
    file.create_dataset("gap", (9,), "f8", external=place)


def virtual(file, there):
    layout = h5py.VirtualLayout((9,), "f8")
    layout[:] = h5py.VirtualSource(str(there), "gap", (9,))
    file.create_virtual_dataset("gap", layout)


def soft_link_out(file, there):
    file["far"] = h5py.ExternalLink(str(there), "/")
    file["gap"] = h5py.SoftLink("/far/gap")


def deep(file, there):
    file["gap"] = np.zeros(9)
    file.create_group("a/b")
    file["a/b/c"] = h5py.ExternalLink(str(there), "/gap")


@pytest.mark.parametrize("trick", [external_link, external_storage, virtual, soft_link_out, deep])
def test_a_file_that_would_read_another_is_refused(tmp_path, trick):
    path = tmp_path / "gaps.h5"
    with h5py.File(path, "w") as file:
        trick(file, secret(tmp_path))
    with pytest.raises(InputError, match="would be read from other files"):
        read_gaps(path)


def test_links_within_the_file_are_followed(tmp_path):
    with h5py.File(tmp_path / "gaps.h5", "w") as file:
        file["real"] = np.linspace(-1, 1, 9)
        file["gap"] = h5py.SoftLink("/real")
        file["self"] = file["/"]
        file["nowhere"] = h5py.SoftLink("/absent")
    assert len(read_gaps(tmp_path / "gaps.h5")) == 9


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_is_read_without(tmp_path, monkeypatch, code):
    path, opened = secret(tmp_path), h5py.File

    def no_locks(*args, locking=None, **options):
        if locking is False:
            return opened(*args, locking=False, **options)
        raise OSError(code, f"unable to lock file, errno = {code}, error message = 'none'")

    monkeypatch.setattr(h5py, "File", no_locks)
    with open_hdf5(path) as file:
        assert len(file["gap"]) == 9


def test_a_file_that_is_being_written_is_called_so(tmp_path):
    path = secret(tmp_path)
    code = f"import h5py, sys; f = h5py.File({str(path)!r}, 'a'); print('x', flush=True); input()"
    command = [sys.executable, "-c", code]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as other:
        assert other.stdout.readline() == "x\n"
        with pytest.raises(InputError) as caught, open_hdf5(path):
            pass
        other.communicate("\n")
    assert "is locked: another program is writing it" in str(caught.value)
    assert "make it again" not in str(caught.value)


def test_a_filter_that_is_not_installed_is_named_as_that(tmp_path):
    path = tmp_path / "gaps.h5"
    with h5py.File(path, "w") as file:
        made = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        made.set_chunk((9,))
        made.set_filter(32001, h5py.h5z.FLAG_OPTIONAL)  # Blosc's number
        space = h5py.h5s.create_simple((9,))
        gap = h5py.h5d.create(file.id, b"gap", h5py.h5t.IEEE_F64LE, space, made)
        gap.write_direct_chunk((0,), b"packed somehow", 0)
    with pytest.raises(InputError) as caught:
        read_gaps(path)
    assert "compressed by a filter that is not installed" in str(caught.value)
    assert "make it again" not in str(caught.value)


def test_what_the_system_says_is_told_without_advice(tmp_path, monkeypatch):
    path = secret(tmp_path)

    def failing(*args, **options):
        raise OSError(errno.EIO, "Unable to read")

    monkeypatch.setattr(h5py, "File", failing)
    with pytest.raises(InputError) as caught, open_hdf5(path):
        pass
    assert caught.value.details[0] == "Input/output error"
    assert caught.value.hint is None
