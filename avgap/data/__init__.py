"""From media files to arrays on a device.

clip: what a clip and a dataset's list of clips are. datasets: where each dataset keeps them.
splitting, audit, plan: which clip goes where, what is told of it, what `prepare` settles first.
media: from a file to frames and spectrograms. cache: the arrays in one HDF5 file. loading: a split
of the cache on a device.
"""
