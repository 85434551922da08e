"""The cache: every clip of a dataset as fixed-size arrays in one HDF5 file (docs/formats.md).

header: what a file says of itself, and that it is so. reader, writer: both ends. build: every clip
into its row, with parts: what is done already, and shards: one share of the clips for each of many
machines. listing_diff: what a list says otherwise.
"""
