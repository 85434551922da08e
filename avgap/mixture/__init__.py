"""The mixture of the modality gap as mathematics: arrays in, numbers and words out.

model: what a mixture is (Eq. 8, 9). fit: the one that fits gaps best, by em from the starts of
initial, on the counts of histogram. result: what a fit gives, key by key. diagnostics: what speaks
for its groups, by dip and bootstrap. verdict: the same in words. mendable: whether
the weaker modality of imbalanced samples has anything to give. No torch, no files.
"""
