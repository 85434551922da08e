"""From media files to arrays on a device.

clip: what a clip and a dataset's list of clips are. datasets: where each dataset keeps them.
splitting: which clip is in which split. audit: what is worth knowing of them. plan: what `prepare`
decides before it decodes. media: from a file to frames and spectrograms. cache: the arrays in one
HDF5 file. loading: a split of the cache on a device.
"""
