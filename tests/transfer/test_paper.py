"""Paper masks, and the colour of what is left bare."""

import numpy as np
import pytest
import torch
from samples import ink, mini_vgg19, noise

from neural_style import stylize
from neural_style.transfer.color import luminance
from neural_style.transfer.paper import bright_area_mask, paper_color, resolve_paper_mask


def short_run(content, style, **settings):
    settings = {'num_iterations': 5, 'seed': 1, 'init': 'image'} | settings
    return stylize(mini_vgg19(), content, [style], **settings)


def test_mask_covers_bright_areas_up_to_a_margin_around_dark_ones():
    image = ink(100, 500)
    mask = bright_area_mask(image, 0.7, 0.9)
    assert mask.shape == (1, 100, 500)
    assert mask[0, 0, 0] == 1 and mask[0, -1, -1] == 1
    assert mask[0, 50, 250] == 0
    edge = 3 * 500 // 4
    rim = mask[0, 50, edge - 1 : edge + 2]
    assert (rim < 0.5).all(), 'the edge of the bar stays paintable'
    assert mask[0, 50, edge + 10] == 1
    assert ((mask >= 0) & (mask <= 1)).all()


def test_masked_area_is_paper_and_the_remainder_is_painted():
    content, style = ink(), noise(3, 40, 50, seed=5) * 0.8
    mask = (luminance(content) > 0.5).double()
    out = short_run(content, style, paper_mask=mask)
    paper = paper_color([style], [1.0])
    inside = mask[0] == 1
    assert (out[:, inside] - paper.flatten()[:, None]).abs().max() < 1e-6
    assert (out - content)[:, ~inside].abs().mean() > 0.01


def test_paper_color_is_the_mean_of_the_brightest_tenth():
    style = torch.zeros(3, 10, 10, dtype=torch.float64)
    style[:, 0] = torch.tensor([0.9, 0.8, 0.7], dtype=torch.float64)[:, None]
    assert paper_color([style], [1.0]).flatten().tolist() == pytest.approx([0.9, 0.8, 0.7])
    blend = paper_color([style, torch.zeros_like(style)], [0.5, 0.5])
    assert blend.flatten().tolist() == pytest.approx([0.45, 0.4, 0.35])


@pytest.mark.parametrize(
    ('mask', 'paper_range', 'message'),
    [
        ('auto', (0.01, 0.02), 'nothing but paper'),
        (torch.zeros(1, 3, 3), (0.7, 0.9), '`paper_mask`: the mask has shape'),
        (torch.ones(1, 40, 60), (0.7, 0.9), '`content_image` is nothing but paper'),
    ],
)
def test_impossible_masks_are_refused(mask, paper_range, message):
    with pytest.raises(ValueError, match=message):
        resolve_paper_mask(mask, paper_range, [ink()], [ink()])


def test_style_is_compared_over_painted_areas_only():
    """The share of bare paper in the style image does not matter to a masked run."""
    content, style = ink(), ink()
    wide = torch.cat([style, torch.full((3, 40, 60), 0.97, dtype=torch.float64)], 2)
    first = {}
    for name, image in (('style', style), ('wide', wide)):
        for mask in ('', 'auto'):
            net = []
            short_run(
                content,
                image,
                num_iterations=1,
                content_layers='',
                paper_mask=mask,
                callback=lambda it, net=net: net.append(float(it.loss)),
            )
            first[name, mask] = net[0]
    # By itself, half the ink is another style; over the painted part it is much nearer.
    assert first['wide', 'auto'] < 0.1 * first['wide', '']
    assert np.isfinite(list(first.values())).all()


def test_masked_run_is_finite_at_odd_sizes():
    content = torch.cat([ink(33, 47), ink(33, 47)], 1)
    out = short_run(content, ink(31, 29), paper_mask='auto', pooling='avg')
    assert out.isfinite().all()
