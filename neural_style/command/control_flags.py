"""The flags of control: what the image takes from the styles, and where."""

from neural_style.command.flag_table import FlagTable


def describe_colour_and_paper(cmd: FlagTable) -> None:
    """Add the flags of colours, and of the paper under the paint."""
    cmd.group('Colour and paper')
    cmd.option('-style_size_by', 'side', 'side|width')
    cmd.describe(
        '`side` scales the longer side of a style image to `-style_scale` times `-image_size`;'
        ' `width` scales its width to that of the content.'
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
