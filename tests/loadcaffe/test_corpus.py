"""Networks and prototxts that other people published, where they lie beside the checkout."""

import json
import logging

import numpy as np
import pytest
import torch
from samples import SHARED

import loadcaffe
from loadcaffe.graph import Graph

CORPUS = SHARED / 'corpus'
MODELS = sorted(path.name for path in (CORPUS / 'models').glob('*')) or ['none']

pytestmark = pytest.mark.skipif(
    not CORPUS.is_dir(), reason='needs the published networks in shared/corpus beside the checkout'
)

# What does not fit together, and why.
REFUSED = {
    ('lenet_jwcom79_2015', 'deploy'): "layer 'ip1': its weight should be 500 x 800, is 5 x 800",
    ('lenet_yaleB', 'deploy'): "layer 'ip1' without bias should have 1 blobs, it has 2",
}


@pytest.fixture(autouse=True)
def quiet(caplog):
    caplog.set_level(logging.WARNING, logger='loadcaffe')


def outputs(network, features):
    """Return every layer's first output, by the layer's name."""
    outputs_ = {}

    def call(module, *inputs):
        output = module(*(input.clone() for input in inputs))  # some work in place
        outputs_[module.name] = output[0] if isinstance(output, tuple) else output
        return output

    with torch.no_grad():
        if isinstance(network, Graph):
            network(features, call)
        else:
            for module in network.eval():
                features = call(module, features)
    return outputs_


def worst(network, golden, letter):
    """Return the largest deviation of any recorded layer, relative to the layer's maximum."""
    computed = outputs(network, torch.from_numpy(golden[f'{letter}/input']))
    errors = {}
    for key in golden.files:
        input_letter, content, *names = key.split('/', 2)
        if input_letter != letter or not (content == 'layer' or content.startswith('strided')):
            continue
        ours, recorded = computed[names[0]].numpy().ravel(), golden[key].ravel()
        largest = np.abs(recorded).max()
        if content != 'layer':
            ours = ours[:: int(content.removeprefix('strided'))]
            largest = np.abs(golden[f'{letter}/stats/{names[0]}'][2:]).max()
        assert ours.shape == recorded.shape
        errors[names[0]] = np.abs(ours - recorded).max() / largest
    assert errors
    return max(errors.values())


@pytest.mark.parametrize('name', MODELS)
def test_published_network_gives_the_recorded_activations(name, caplog):
    folder = CORPUS / 'models' / name
    (weights,) = folder.glob('weights.*')
    with np.load(folder / 'golden.npz') as golden:
        for stem in ('deploy', 'deploy_golden', 'deploy_matching'):
            prototxt = folder / f'{stem}.prototxt'
            if not prototxt.exists():
                continue
            if (name, stem) in REFUSED:
                with pytest.raises(loadcaffe.CaffeFormatError) as refusal:
                    loadcaffe.load(prototxt, weights)
                assert REFUSED[name, stem] in str(refusal.value)
                continue
            network = loadcaffe.load(prototxt, weights)
            # 2.3e-6 seen: another order of float32 sums.
            letters = 'AB' if name in ('mtcnn_det1', 'resnet20_cifar') else 'A'
            assert max(worst(network, golden, letter) for letter in letters) < 1e-5
    assert not caplog.records


@pytest.mark.parametrize('name', MODELS)
def test_published_weights_load_without_their_prototxt_or_say_what_lacks(name):
    (weights,) = (CORPUS / 'models' / name).glob('weights.*')
    try:
        assert len(loadcaffe.load('none.prototxt', weights)) > 0
    except loadcaffe.CaffeFormatError as error:
        remedies = 'the deploy prototxt', 'its deploy prototxt', 'a deploy prototxt'
        assert weights.name in str(error) and any(remedy in str(error) for remedy in remedies)


def test_published_prototxts_parse_or_are_refused_with_a_place():
    rows = map(json.loads, (CORPUS / 'index.jsonl').read_text().splitlines())
    seen = {'yes': 0, 'no': 0}
    for row in rows:
        if row['kind'] != 'prototxt':
            continue
        path = CORPUS / row['file'].removeprefix('share/')
        if row['parses'] == 'no':
            line, column = row['error'].split(' : ')[0].split(':')
            with pytest.raises(loadcaffe.CaffeFormatError) as refusal:
                loadcaffe.read(path)
            assert f'{path}: not a prototxt: line {line}, column {column}: ' in str(refusal.value)
            seen['no'] += 1
        else:
            net = loadcaffe.read(path)
            assert row['format'] == f'V{net.version}'
            kinds = sum(layer.type != 'padding' for layer in net.layers)
            # V0's padding layers become part of the layers after them.
            padding = row['types'].get('V0:padding', 0)
            assert kinds == row['n_layers'] - padding
            seen['yes'] += 1
    assert seen == {'yes': 117, 'no': 10}
