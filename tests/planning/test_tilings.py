"""Which tilings there are to choose from."""

import re
from collections import OrderedDict

import pytest
from samples import loss_network
from torch import nn

from neural_style.planning.planner import choose_plan


@pytest.mark.usefixtures('used_memory')
def test_winograd_is_disabled_when_its_kernels_do_not_fit():
    layers = [nn.Conv2d(3, 8, 3, padding=1), nn.MaxPool2d(4)]
    layers += [nn.Conv2d(8, 512, 3, padding=1), nn.Conv2d(512, 512, 3, padding=1), nn.ReLU()]
    cnn = nn.Sequential(OrderedDict(zip('abcde', layers, strict=True)))
    wide = loss_network(cnn, content_layers=['e'], style_layers=['e'])
    size = (768, 1024)

    def plan(memory):
        return choose_plan(wide, size, [size], vectors=0, memory=memory)

    with pytest.raises(ValueError, match='needs') as error:
        plan('10M')
    needed = int(re.search(r'needs (\d+)M', str(error.value))[1])
    plans = [plan(f'{needed + more}M') for more in (1, 150)]
    assert [any(stage.winograd for stage in plan.tiling.stages) for plan in plans] == [False, True]
    assert ["without Winograd's kernels" in plan.text for plan in plans] == [True, False]
    kernel_bytes = 4 * (36 - 9) * 512**2
    assert plans[1].peak - plans[0].peak > kernel_bytes
