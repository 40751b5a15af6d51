"""What several processes do together in tests/test_distributed.py."""

import torch
from samples import DATA, loss_network

import loadcaffe
from neural_style import evaluate
from neural_style.distributed import destroy_world, init_world
from neural_style.torch7.optim import lbfgs

MODEL = DATA / 'models' / 'mini_vgg19_conv'
LAYERS_OF_STYLES = {'relu1_1': 1.0, 'relu2_1': 0.7}, {'relu2_1': 0.3, 'relu3_1': 1.0}
CASES = [
    ((160, 131), {}),
    ((97, 64), {'normalize_gradients': True, 'pooling': 'avg'}),
    ((97, 64), {'padding': 'reflect'}),
    ((97, 64), {'style_statistic': 'gram,mean_std,wasserstein,histogram'}),
    ((113, 40), {'losses': 'paper', 'content_layers': ['conv3_2'], 'style_layers': ['pool1']}),
    ((97, 64), {'style_layers': ['relu1_1', 'relu2_1', 'relu3_1']}, LAYERS_OF_STYLES),
]


def noise(height, width, seed):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(3, height, width, generator=generator, dtype=torch.float64) * 50


def evaluated(world, size, settings, layer_weights=None):
    """Return loss and gradient, and whether the processes shared the evaluation."""
    cnn = loadcaffe.load(f'{MODEL}.prototxt', f'{MODEL}.caffemodel').double()
    network = loss_network(cnn, world=world, **settings)
    network.capture_content(noise(*size, 1))
    fine, coarse = (0.7, 0.3) if layer_weights is None else layer_weights
    network.capture_style(noise(90, 120, 2), fine)
    network.capture_style(noise(20, 120, 3), coarse)  # too few rows to share
    x = noise(*size, 4)
    tiles = network.tiles(x)
    return *evaluate(network, x), tiles is not None and tiles.world.size == world.size


def minimised(world):
    """Minimise a stretched bowl by L-BFGS over the shards of the processes."""
    start = noise(30, 700, 5).flatten()
    scales = torch.linspace(1, 300, len(start), dtype=torch.float64)

    def feval(shard):
        x = world.all_gather(shard, start.shape)
        x = x + 0.3 * x.roll(1)
        gradient = scales * x
        gradient = gradient + 0.3 * gradient.roll(-1)
        return x @ (scales * x) / 2, world.shard(gradient)

    shard = world.shard(start.clone())
    reduce_sum = world.all_reduce if world.size > 1 else None
    settings = {'max_iter': 40, 'n_correction': 7, 'max_step': 20.0, 'tol_x': -1}
    lbfgs(feval, shard, reduce_sum=reduce_sum, **settings)
    return world.all_gather(shard, start.shape)


def work(folder):
    """Do what every process of the test below does."""
    torch.set_num_threads(1)
    world = init_world()
    evaluations = [evaluated(world, *case) for case in CASES]
    sums = minimised(world), world.max(world.rank), world.broadcast(f'of {world.rank}')
    torch.save((evaluations, sums), f'{folder}/{world.rank}.pt')
    destroy_world(world)
