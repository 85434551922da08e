"""What holds for every method: no step waits, terms are scalars, state is changed in place."""

from __future__ import annotations

import onestep
import pytest
import torch

from avgap.methods.registry import METHODS


def prepared(name):
    """A method with its network and its state as before a step of epoch 7, when all is in force."""
    method = METHODS[name]()
    model = onestep.network(method.network)
    state = method.initial(model)
    context = onestep.context(state, epoch=7)
    data = onestep.batch(12)
    if name != "g-blending":
        method.start_epoch(model, onestep.epoch(7, data, onestep.batch(9)), context)
    return method, model, data, context


def updated(method, model, data, context):
    """The sums of the losses of two updates."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    return [onestep.update(method, model, data, context, optimizer) for _ in range(2)]


@pytest.mark.parametrize("name", METHODS)
def test_no_step_waits_for_the_device(name, monkeypatch):
    method, model, data, context = prepared(name)
    for update in range(method.updates_per_batch):
        context = context._replace(update=update)
        with monkeypatch.context() as patch:
            onestep.forbid_waiting(patch)
            model.zero_grad(set_to_none=True)
            loss = method.step(model, data, context)
            method.backward(model, loss, context)
        assert loss.total.shape == ()
        assert all(term.shape == () for term in loss.terms.values())


@pytest.mark.parametrize("name", METHODS)
def test_state_stays_where_it_lies(name):
    method, model, data, context = prepared(name)
    places = {key: value.data_ptr() for key, value in context.state.items()}
    updated(method, model, data, context)
    assert {key: value.data_ptr() for key, value in context.state.items()} == places
    assert not any(value.requires_grad for value in context.state.values())


@pytest.mark.parametrize("name", METHODS)
def test_the_same_state_and_generator_give_the_same_updates(name):
    first, second = (updated(*prepared(name)) for _ in range(2))
    assert first == second


@pytest.mark.parametrize("name", METHODS)
def test_a_method_draws_nothing_from_the_global_state(name):
    torch.manual_seed(5)
    before = torch.get_rng_state()
    updated(*prepared(name))
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("name", METHODS)
def test_parameters_without_gradient_are_those_that_the_method_says(name):
    method, model, data, context = prepared(name)
    for update in range(method.updates_per_batch):
        found = onestep.gradients(method, model, data, context._replace(update=update))
        assert any(gradient is None for gradient in found.values()) == method.partial


@pytest.mark.parametrize("name", METHODS)
def test_a_batch_of_one_is_a_batch(name):
    method, model, _, context = prepared(name)
    losses = updated(method, model, onestep.batch(1), context)
    assert torch.tensor([float(loss) for loss in losses]).isfinite().all()
    assert all(weight.isfinite().all() for weight in model.parameters())
