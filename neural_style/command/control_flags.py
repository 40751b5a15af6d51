"""The flags of control: what the image takes from the styles, and where."""

from neural_style.command.flag_table import FlagTable


def describe_scale(cmd: FlagTable) -> None:
    """Add the flags of scales: which layers are whose."""
    cmd.group('Scale')
    cmd.option('-style_image_layers', '', 'layers that each style image serves')
    cmd.describe(
        'Layers of `-style_layers` that each style image serves, such as'
        ' `relu1_1+relu2_1,relu3_1+relu4_1+relu5_1`: strokes of the first, shapes of the second;'
        ' `all` stands for all of them. `-style_blend_weights` share out each layer among the'
        ' images that serve it. Empty: all images serve all layers. It implies'
        ' `-missing_layers error`.'
    )


def describe_colour_and_paper(cmd: FlagTable) -> None:
    """Add the flags of colours, and of the paper under the paint."""
    cmd.group('Colour and paper')
    cmd.option('-style_size_by', 'side', 'side|width')
    cmd.describe(
        '`side` scales the longer side of a style image to `-style_scale` times `-image_size`;'
        ' `width` scales its width to that of the content.'
    )
    cmd.option('-color', '', 'content|style|luminance|match: whose colours the picture has')
    cmd.describe(
        'Whose colours the picture has: `content` gives it those of the content in the end, as'
        ' `-original_colors 1` does; `luminance` paints in grey, the style matched to the mean and'
        ' spread of the luminance of the content, whose colours come back; `match` recolours the'
        ' style to the content before painting, as `-color_transfer` says; `style` leaves those of'
        ' the style, as the empty default does. `docs/control.md` compares them.'
    )
    cmd.option('-color_transfer', 'linear', 'mean|linear|cholesky|pca|histogram')
    cmd.describe(
        'How `-color match` recolours the style: `mean` shifts it to the mean of the content,'
        ' `linear`, `cholesky` and `pca` map it to the mean and covariance of the colours (`linear`'
        ' moves them least), `histogram` matches the distribution of each of R, G, B.'
    )
    cmd.option('-luminance_only', 0, '1: optimise the luminance alone')
    cmd.describe(
        '1 optimises the luminance alone; colours come back with `-original_colors 1` from the'
        ' content, with `-style_tint 1` from the style.'
    )
    cmd.option('-recolor_content', 0, '0 to 1: content in the colours of the style')
    cmd.describe(
        'How far, from 0 to 1, the content is first matched to the colours of the style: to their'
        ' mean and covariance, or with `-luminance_only 1` to the histogram of luminance.'
    )
    cmd.option('-style_tint', 0, '1: the colours of ink and paper')
    cmd.describe('1 gives each luminance the colour that it has in the first style image.')
    cmd.option('-paper_mask', '', 'auto, or an image: white stays paper')
    cmd.describe(
        'Leave paper bare where the content is bright (`auto`), or where this image is white; style'
        ' is compared over the painted area. The paper has the colour of the brightest tenth of the'
        ' style.'
    )
    cmd.option('-paper_range', '0.7,0.9', 'luminances of -paper_mask auto')
    cmd.describe('Luminances between which `-paper_mask auto` goes from painted to bare.')


def describe_regions(cmd: FlagTable) -> None:
    """Add the flags of regions, which take their styles from other places."""
    cmd.group('Regions')
    cmd.option('-content_regions', '', 'picture of flat colours, or masks: the regions')
    cmd.describe(
        'Regions of the content image, each with a style of its own: a picture in which each has a'
        ' flat colour, or a grey mask for each, separated by commas (white belongs to the region).'
        ' They may have any size, in the aspect of the content. Of a video, `near_%04d.png` is a'
        ' mask for each frame, by its number. `docs/control.md` has examples.'
    )
    cmd.option('-style_regions', '', 'regions of the style images that serve those')
    cmd.describe(
        'Regions of the style images that serve those of `-content_regions`: for each style image a'
        ' picture of the same colours, or masks in the same order, of one style image or each of'
        ' another. A style image without regions serves those that no other does; where none has'
        ' any, several serve one region each, in their order.'
    )
    cmd.option('-region_weights', '', 'weight of each region; 0 leaves the content there')
    cmd.describe(
        'Weight of the style in each region, such as `1,0`, in the order of the masks, or in which'
        ' the colours appear, row after row; 0 leaves the content there. Empty is 1 for each, as'
        ' strong as without regions.'
    )
