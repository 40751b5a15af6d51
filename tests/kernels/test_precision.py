"""How much faster a device is in low precision, and what is chosen for it."""

import time
from functools import partial

import pytest
import torch
from fake_device import accelerators

from neural_style.errors import SettingError
from neural_style.kernels import onednn, precision
from neural_style.kernels.precision import choose_precision

CPU, CUDA = torch.device('cpu'), torch.device('cuda')


@pytest.fixture
def unknown_cpu(monkeypatch):
    """A CPU of which PyTorch does not tell what it has for bfloat16."""
    monkeypatch.setattr(onednn, 'capabilities', dict)


@pytest.fixture
def fast(monkeypatch):
    """A machine on which bfloat16 is fast and float16 is not."""
    monkeypatch.setattr(precision, 'speedup', lambda name, device: {'bf16': 8.0, 'fp16': 0.5}[name])


@pytest.mark.parametrize(
    ('amx', 'vectors', 'chosen'),
    [(False, False, 'fp32'), (False, True, 'bf16'), (True, True, 'bf16')],
)
def test_instructions_of_an_x86_decide_without_measurements(amx, vectors, chosen, monkeypatch):
    capabilities = {'avx512_bf16': vectors, 'amx_bf16': amx}
    monkeypatch.setattr(onednn, 'capabilities', lambda: capabilities)
    monkeypatch.setattr(onednn, 'has_bfloat16_products', lambda tensor: True)
    monkeypatch.setattr(precision, 'probe', lambda *args: pytest.fail('takes time, and chance'))
    assert choose_precision('auto', CPU) == chosen
    if chosen == 'bf16':
        assert choose_precision('bf16', CPU) == 'bf16'
    else:
        with pytest.raises(SettingError, match='it is slow without AMX or AVX512-BF16; use'):
            choose_precision('bf16', CPU)


def test_instructions_that_pytorch_does_not_use_do_not_count(monkeypatch):
    monkeypatch.setattr(onednn, 'capabilities', lambda: {'avx512_bf16': True})
    monkeypatch.setattr(onednn, 'has_bfloat16_products', lambda tensor: False)
    assert choose_precision('auto', CPU) == 'fp32'
    with pytest.raises(SettingError, match='it is slow without oneDNN, which PyTorch does not use'):
        choose_precision('bf16', CPU)


def test_capabilities_are_those_that_pytorch_tells(monkeypatch):
    monkeypatch.setattr(torch.cpu, 'get_capabilities', lambda: {'amx_bf16': True}, raising=False)
    assert onednn.has_matrix_units() and not onednn.has_bfloat16_vectors()
    monkeypatch.delattr(torch.cpu, 'get_capabilities')
    assert not onednn.has_matrix_units()
    assert onednn.has_bfloat16_instructions() is None


@pytest.mark.usefixtures('unknown_cpu', 'fast')
def test_choose_precision_measures_other_devices():
    assert choose_precision('fp32', CPU) == 'fp32'
    assert choose_precision('bf16', CPU) == 'bf16'
    assert choose_precision('auto', CPU) == 'bf16'
    with pytest.raises(SettingError, match=r'fp16: on this device \(cpu\) it is 0.5 times'):
        choose_precision('fp16', CPU)
    with pytest.raises(SettingError, match='half: choose fp32, bf16, fp16 or auto'):
        choose_precision('half', CPU)


@pytest.mark.usefixtures('unknown_cpu')
def test_auto_is_float32_where_nothing_is_faster(monkeypatch):
    monkeypatch.setattr(precision, 'speedup', lambda name, device: 1.1)
    assert choose_precision('auto', CPU) == 'fp32'
    assert choose_precision('auto', CUDA) == 'fp32'


@pytest.mark.usefixtures('unknown_cpu')
def test_little_gain_is_enough_where_it_is_measured_exactly(monkeypatch):
    monkeypatch.setattr(precision, 'speedup', lambda name, device: 1.5)
    assert choose_precision('auto', CPU) == 'fp32'
    assert choose_precision('auto', CUDA) == 'bf16'


@pytest.mark.usefixtures('unknown_cpu')
def test_speedup_of_what_cannot_be_had_is_zero(monkeypatch):
    def refuse(dtype, device):
        raise RuntimeError('no kernel')

    threads = torch.get_num_threads()
    monkeypatch.setattr(precision, 'probe', refuse)
    assert precision.speedup('bf16', CPU) == 0
    assert torch.get_num_threads() == threads
    with pytest.raises(SettingError, match='it is not to be had; use fp32'):
        choose_precision('bf16', CPU)


def test_speedup_is_a_ratio_of_two_measurements():
    state = torch.get_rng_state()
    assert 0.01 < precision.speedup('bf16', CPU) < 100
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.skipif(
    time.get_clock_info('thread_time').resolution > 1e-4, reason='has no fine clock of a thread'
)
def test_time_of_other_programs_on_a_cpu_does_not_count(monkeypatch):
    class Convolution:
        def __init__(self, layer, dtype, device):
            pass

        def forward(self, features, *args, **keywords):
            time.sleep(0.02)

    monkeypatch.setattr(precision, 'FrozenConvolution', Convolution)
    assert 0 < precision.probe(torch.bfloat16, CPU) < 0.01


class FakeEvent:
    """An event of CUDA; its device needs a hundredth of a second for a call of the probe."""

    def __init__(self, events, enable_timing):
        assert enable_timing
        self.events = events

    def record(self, stream):
        self.position = len(self.events)
        self.events.append('record')

    def synchronize(self):
        self.events.append('wait')

    def elapsed_time(self, stop):
        return 10 * (stop.position - self.position - 1)


def record_probe(monkeypatch, device):
    """Run a probe that does nothing.

    Returns its seconds, and what happens: calls, as pixels, and what is asked of the device.
    """
    events = []

    class Convolution:
        def __init__(self, layer, dtype, device):
            pass

        def forward(self, features, *args, **keywords):
            events.append(features.shape[2] * features.shape[3])

    monkeypatch.setattr(precision, 'FrozenConvolution', Convolution)
    monkeypatch.setattr(torch.accelerator, 'synchronize', lambda device: events.append('wait'))
    monkeypatch.setattr(torch.cuda, 'current_stream', lambda device: device)
    monkeypatch.setattr(torch.cuda, 'Event', partial(FakeEvent, events))
    with accelerators():
        seconds = precision.probe(torch.bfloat16, torch.device(device))
    return seconds, events


@pytest.mark.parametrize('device', ['cuda:0', 'mps:0'])
def test_probe_fills_an_accelerator_and_waits_for_it(device, monkeypatch):
    seconds, events = record_probe(monkeypatch, device)
    assert seconds >= 0
    assert events[-1] == 'wait'
    rounds = ' '.join(map(str, events)).replace('record', '').split('wait')
    calls = [[int(pixels) for pixels in text.split()] for text in rounds if text.strip()]
    # several rounds, the first to warm up, of many calls before each wait
    assert len(calls) >= 3
    assert all(len(pixels) >= 10 and min(pixels) > 50_000 for pixels in calls)


def test_probe_takes_the_time_of_cuda_from_its_events(monkeypatch):
    seconds, events = record_probe(monkeypatch, 'cuda:0')
    assert seconds == pytest.approx(0.01)
    assert events[0] == 'record'


def test_probe_of_a_cpu_is_short(monkeypatch):
    _, events = record_probe(monkeypatch, 'cpu')
    assert set(map(type, events)) == {int}
    assert sum(events) < 10_000
