"""Train the embedded network: a narrow VGG-19 that sees style as the genuine one does.

    python -m tools.small_vgg19 --vgg VGG.caffemodel --squeezenet SQUEEZENET.caffemodel \\
        --pictures FOLDER... --without NAME... --output neural_style/models/small_vgg19

The teachers and the photographs are not part of the project, so they are given by path: any VGG in
Caffe's format, from conv1_1 up to whatever layer it ends at, and SqueezeNet 1.0 for the layers
above that one.  Each layer of the small network is trained on what its teacher's layer says at the
same positions.  For the network that comes with the project these were

    relu1_1 ... relu3_4    the same layer of VGG-19, which was there up to conv3_4
    relu4_1 ... relu4_4    fire5 ... fire8 of SqueezeNet; the first two also VGG-19's pool3
    relu5_1                fire9 of SqueezeNet

Given a layer's features S and the teacher's T, training asks that T can be read from S by a linear
map (solved anew in every step, by least squares), and that inner products of S at two positions
agree with those of T up to one factor: then Gram matrices and content losses, which consist of such
products, agree as well.  S is always taken in the units in which it is used: every filter divided
by its mean activation.  Two thirds of the pictures are cut from photographs and paintings; the
others are drawn, or painted with the network as it stands, since it will see such pictures.

With --steps 0 the result is a network of random weights (He et al. 2015), scaled alike: the
baseline.  Figures and running times are in docs/network.md.

    network.py      the network              pretraining.py  layer after layer, by least squares
    teachers.py     what layers should say   training.py     all layers together
    photographs.py  crops to train on        painting.py     pictures painted with the network
    drawing.py      pictures drawn here      writing.py      scaling, and Caffe's format
    pool.py         crops with targets       losses.py       what is minimised; Gram matrices
"""
