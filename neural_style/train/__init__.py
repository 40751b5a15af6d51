"""Training of transformation networks: neural_style-train.

__main__.py     the command               photographs.py   random crops
flags.py        its flags                 objective.py     the losses of painted pictures
training.py     steps of Adam             session.py       progress and samples
conversion.py   ONNX models               state.py         checkpoints
"""
