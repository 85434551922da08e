"""One clip's media: opened, decoded, sampled, corrupted on purpose; frames and spectrograms out.

container: a file, opened once. frames, pictures, sound: what is seen and heard. sampling: which
frames. orientation: which way up. pcm: sound that is not compressed. layout: sound in its place.
spectrogram: the front ends. corrupt: what `--corrupt` does. fingerprint: whether files are the
same. decode: a clip's arrays, and many clips'. workers: the processes for that.
"""
