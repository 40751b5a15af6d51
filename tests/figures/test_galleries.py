"""The galleries of the original's README as plans."""

from planned import plan_of


def test_galleries_show_what_the_readme_of_the_original_shows():
    scales = [painting.style_scale for painting in plan_of('style_scale').paintings]
    assert scales == [2.0, 1.0, 0.5]
    blends = [p.settings['style_blend_weights'] for p in plan_of('interpolation').paintings]
    assert blends == [(9, 1), (7, 3), (5, 5), (3, 7), (1, 9)]
    assert all(painting.original_colors for painting in plan_of('colors').paintings)
    pairs = [[style.path for style in p.styles] for p in plan_of('multiple').paintings]
    assert pairs == [[f's{n}.jpg', f's{(n + 1) % 4}.jpg'] for n in range(4)]
