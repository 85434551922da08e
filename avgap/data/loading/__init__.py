"""A split of the cache, held where there is room for it, and its batches on a device."""
