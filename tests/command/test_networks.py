"""The network of a run: as named, or the embedded one."""

import pytest
from caffe_networks import blob, conv, step, v2_net, write_message

from neural_style.command.networks import embedded_network, find_network, load_network


def test_first_existing_model_file_is_taken(tmp_path):
    existing = tmp_path / 'a.caffemodel'
    existing.touch()
    assert find_network('p', [str(existing)]) == ('p', str(existing), '')
    proto_file, model_file, remark = find_network('p', ['missing', str(existing)])
    assert (proto_file, model_file) == ('p', str(existing))
    assert remark == f'there is no missing: using {existing}'


def test_embedded_network_stands_in_for_a_missing_one():
    proto_file, model_file, remark = find_network('p', ['missing'])
    assert (proto_file, model_file) == embedded_network()
    assert remark.startswith('there is no missing') and 'small embedded network' in remark
    assert len(load_network(proto_file, model_file)) > 20


@pytest.mark.parametrize(
    ('content', 'message'), [(None, 'no such file'), (b'text', '-model_file: ')]
)
def test_bad_model_file_is_named_with_the_remedy(tmp_path, content, message):
    path = tmp_path / 'bad.caffemodel'
    if content is not None:
        path.write_bytes(content)
    with pytest.raises((OSError, ValueError), match='sh models/download_models.sh') as error:
        load_network('no.prototxt', str(path))
    assert message in str(error.value)


def test_layers_that_no_loss_needs_may_be_unreadable(command, tmp_path, capsys):
    trunk = [conv('data', 'conv1', 3, 4, 3, pad=[1]), step('ReLU', 'conv1', 'conv1', name='relu1')]
    head = [
        step('Attention', 'conv1', 'attention', [blob(4)]),
        conv('attention', 'conv2', 4, 5),
        step('ReLU', 'conv2', 'conv2', name='relu2'),
    ]
    model = write_message(tmp_path / 'net.caffemodel', v2_net(*trunk, *head))
    flags = f'-model_file {model} -style_layers relu1 -content_layers'
    assert command(f'{flags} relu1') == 0
    assert (tmp_path / 'out.png').exists()
    assert "left out: 'attention', 'conv2', 'relu2': layer 'attention'" in capsys.readouterr().err
    assert command(f'{flags} relu2') != 0
    assert "'attention' has the type 'Attention'" in capsys.readouterr().err
