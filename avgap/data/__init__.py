"""What a clip is, where each dataset keeps its clips, how they are decoded, and the cache."""
