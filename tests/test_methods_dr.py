"""Diagnosing and re-learning: purity, its weight, and the way back."""

from __future__ import annotations

import math

import numpy as np
import onestep
import pytest
import torch

from avgap.errors import InputError
from avgap.methods.dr import Dr, clustered, go_back, purity, return_weight


def test_purity_is_the_share_of_each_clusters_most_frequent_class():
    # Cluster 0 holds classes 0, 0, 1: two are right; cluster 1 holds 1, 1, 2, 2: two.
    cluster = np.array([0, 0, 0, 1, 1, 1, 1])
    label = np.array([0, 0, 1, 1, 1, 2, 2])
    assert purity(cluster, label) == pytest.approx(4 / 7)


def test_clusters_are_found_after_each_feature_is_scaled():
    # The first feature tells the two groups apart and is a thousand times smaller.
    rng = np.random.default_rng(0)
    group = np.repeat([0, 1], 30)
    phi = np.stack([1e-3 * group, 1.0 * rng.normal(size=60)], axis=1)
    phi[:, 0] += rng.normal(scale=1e-5, size=60)
    assert purity(clustered(phi, 2), group) > 0.95


def test_features_that_are_all_alike_are_one_cluster():
    assert purity(clustered(np.ones((6, 2)), 3), np.array([0, 1, 2, 0, 1, 2])) == pytest.approx(
        1 / 3
    )


def test_the_weight_grows_with_the_gap_of_purity():
    assert return_weight(0.9, 0.4, 3.0) == pytest.approx(math.tanh(1.5))
    assert return_weight(0.4, 0.4, 3.0) == 0


def test_parameters_go_back_by_their_weight_and_buffers_stay():
    encoder = onestep.network(encoder="resnet18").audio_encoder
    first = {n: torch.zeros_like(p) for n, p in encoder.named_parameters()}
    before = {n: v.clone() for n, v in encoder.state_dict().items()}
    go_back(encoder, first, 0.25)
    for name, value in encoder.state_dict().items():
        expected = 0.75 * before[name] if name in first else before[name]
        torch.testing.assert_close(value, expected)


def test_it_is_due_every_interval_and_so_many_times():
    model, data = onestep.network(), onestep.batch(12)
    method = Dr(interval=2, times=2)
    state = method.initial(model)
    with torch.no_grad():
        for p in model.parameters():
            p.add_(0.1 * torch.randn(p.shape, generator=torch.Generator().manual_seed(1)))
    gone = []
    for number in range(9):
        before = model.audio_encoder.body[0].weight.clone()
        state["weights"].fill_(-1.0)
        method.start_epoch(
            model, onestep.epoch(number, data, onestep.batch(9, 7)), onestep.context(state)
        )
        gone.append(bool(state["weights"].min() >= 0))
        moved = not torch.equal(before, model.audio_encoder.body[0].weight)
        assert not moved or gone[-1]
    assert gone == [False, False, True, False, True, False, False, False, False]


def test_a_modality_that_only_knows_its_training_samples_goes_back_and_the_other_stays():
    # Features of embeddings are the input itself here: sound clusters by class in training alone.
    model = onestep.network(encoder="mlp")
    method = Dr(interval=1, strength=3.0)
    state = method.initial(model)
    with torch.no_grad():
        for p in model.parameters():
            p.add_(0.01 * torch.randn(p.shape, generator=torch.Generator().manual_seed(1)))
    train, validation = (onestep.batch(30, seed, "mlp") for seed in (0, 1))
    far = 30 * torch.nn.functional.one_hot(train.label, 8)
    train = train._replace(audio=train.audio + far, frames=train.frames + far[:, None])
    here = 30 * torch.nn.functional.one_hot(validation.label, 8)
    noise = torch.randn(30, 8, generator=torch.Generator().manual_seed(5))
    validation = validation._replace(audio=noise, frames=validation.frames + here[:, None])
    before = {n: p.detach().clone() for n, p in model.named_parameters()}
    method.start_epoch(model, onestep.epoch(1, train, validation), onestep.context(state))
    audio, visual = state["weights"].tolist()
    assert audio > 0.5
    assert visual == 0
    for name, value in model.named_parameters():
        expected = before[name]
        if name.startswith("audio"):
            expected = audio * state[name] + (1 - audio) * before[name]
        torch.testing.assert_close(value, expected)


def test_without_validation_it_is_refused():
    model, data = onestep.network(), onestep.batch(12)
    state = Dr().initial(model)
    for validation in (None, onestep.batch(2)):
        with pytest.raises(InputError, match="validation is too small\n  it needs a clip for each"):
            Dr().start_epoch(model, onestep.epoch(0, data, validation), onestep.context(state))
