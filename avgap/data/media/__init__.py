"""One clip's media: opened, decoded, sampled, corrupted on purpose; frames and spectrograms out.

container: a file, opened once. frames, pictures, sound: what is seen and heard. sampling: which
frames. spectrogram: the front ends. corrupt: what `--corrupt` does. fingerprint: whether files are
the same. decode: a clip's arrays, and many clips in worker processes.
"""
