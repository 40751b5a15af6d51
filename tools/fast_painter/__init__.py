"""Train the network that paints at once (neural_style.fast).

    python -m tools.fast_painter --photos FOLDER --paintings FOLDER --output FOLDER

Photographs and paintings are not part of the project, so they are given by path.  docs/fast.md
says what was run.

    pictures.py     crops of photographs; paintings and drawings
    basis.py        principal directions of features
    objectives.py   losses of a step
    training.py     steps and checkpoints
"""
