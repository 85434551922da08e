"""One clip's media: opened, decoded, sampled, spoiled on purpose; frames and spectrograms out.

container: what a file holds. frames, pictures, sound: what is seen and heard. sampling: which
frames. spectrogram: the front ends. decode: a clip's arrays, and many clips in worker processes.
"""
