"""Painting at once: a feed-forward network for any style.

from neural_style import fast

picture = fast.paint('content.jpg', 'style.jpg')

pictures.py    paint                       regions.py     each region in its own style
painting.py    Painter                     encoder.py     the embedded network, coordinates
bands.py       stages in bands of rows     decoder.py     from features to the picture
weights.py     the file of weights         fused.py       the same for one style, faster
statistics.py  mean, covariance, and the map between those of content and style
trained.py     painting with a transformation network, of one style or several
onnx_*.py      both as ONNX models
"""

from neural_style.fast.painting import Painter
from neural_style.fast.pictures import paint

__all__ = ['Painter', 'paint']
