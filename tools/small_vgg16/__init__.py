"""Fit the embedded network: VGG-16 at a sixth of its multiply-adds.

    python -m tools.small_vgg16 --vgg VGG_ILSVRC_16_conv.caffemodel --pictures FOLDER... \\
        --without NAME... --output neural_style/models/small_vgg16

VGG-16 and the pictures are not part of the project, so they are given by path.

Every 3 x 3 convolution becomes a 3 x 1 and a 1 x 3 convolution with fewer channels between them
(Jaderberg et al. 2014, Speeding up Convolutional Neural Networks with Low Rank Expansions), and
layers that no default loss looks at keep only the filters that the next layer can't do without.
Weights are fitted layer after layer, in closed form, to VGG-16's features of photographs,
paintings and drawings, from what the layers before them yield: see fitting.py.  Figures and
running times are in docs/network.md.

    network.py      widths and ranks         photographs.py  crops of pictures
    fitting.py      least squares            drawing.py      pictures drawn here
    writing.py      Caffe's format
"""
