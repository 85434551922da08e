"""The cache: every clip of a dataset as fixed-size arrays in one HDF5 file (docs/formats.md).

reader, writer: both ends. build: every clip into its row, with parts: what is done already, and
shards: one share of the clips for each of many machines. listing_diff: what a list says otherwise.
"""
