"""Loss networks printed as Torch7 prints them."""

from loss_networks import network, network_with_branches


def test_cut_network_prints_as_gpu_modules():
    text = network(devices=['cpu', 'cpu'], multigpu_strategy=[3]).describe()
    lines = text.split('\n')
    assert lines[:2] == ['nn.Sequential {', '  [input -> (1) -> (2) -> output]']
    assert lines[2] == '  (1): nn.GPU(1) @ nn.Sequential {'
    assert lines[3] == '    [input -> (1) -> (2) -> (3) -> output]'
    assert lines[4] == '    (1): nn.TVLoss'


def test_branched_network_prints_who_feeds_whom():
    layers = {'content_layers': ['fire2/concat'], 'style_layers': ['fire2/left']}
    net = network_with_branches(**layers, tv_weight=1e-3)
    assert net.describe() == (
        'nn.gModule {\n'
        '  (1): nn.TVLoss <- input\n'
        '  (2): nn.SpatialConvolution(3 -> 4, 3x3)\n'
        '  (3): nn.ReLU\n'
        '  (4): nn.SpatialConvolution(4 -> 5, 1x1)\n'
        '  (5): nn.StyleLoss\n'
        '  (6): nn.SpatialConvolution(4 -> 6, 3x3, 1,1, 1,1) <- (3)\n'
        '  (7): nn.SpatialMaxPooling(3x3, 1,1, 1,1) <- (3)\n'
        '  (8): nn.Concat <- (5), (6), (7)\n'
        '  (9): nn.ContentLoss\n'
        '}'
    )
