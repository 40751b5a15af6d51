"""A network to plan for, and a process that uses 300 MB before it runs."""

import pytest
from planned_runs import MODEL
from samples import loss_network

import loadcaffe


@pytest.fixture(scope='package')
def network():
    return loss_network(loadcaffe.load(f'{MODEL}.prototxt', f'{MODEL}.caffemodel'))


@pytest.fixture
def used_memory(monkeypatch):
    monkeypatch.setattr('neural_style.planning.planner.used_memory', lambda device: 300 << 20)
