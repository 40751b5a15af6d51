"""The script of a checkout: `python neural_style.py …` runs the package in the folder beside it.

Nothing imports this file, and it is not installed: Python prefers the package of the same name.
The blocks of neural_style.lua, in its order, are in these files:

    cmd:option                       neural_style/command/flags.py
    main                             neural_style/command/run.py, neural_style/transfer/stylize.py
    loadcaffe_wrap.load              loadcaffe/loading.py
    image.load, image.scale          neural_style/command/images.py, neural_style/torch7/image.py
    style_blend_weights              neural_style/transfer/inputs.py
    content_layers, style_layers     neural_style/network/building.py
    content targets, style targets   neural_style/transfer/targets.py
    maybe_print, maybe_save          neural_style/command/report.py
    feval                            neural_style/transfer/objective.py
    optim.lbfgs, optim.adam          neural_style/torch7/optim.py, neural_style/torch7/adam.py
    setup_gpu                        neural_style/network/devices.py
    setup_multi_gpu                  neural_style/network/multi_gpu.py
    build_filename                   neural_style/command/saving.py
    preprocess, deprocess            neural_style/transfer/preprocessing.py
    original_colors                  neural_style/transfer/color.py
    ContentLoss, StyleLoss           neural_style/losses/content.py, neural_style/losses/style.py
    GramMatrix                       neural_style/losses/gram.py
    TVLoss                           neural_style/losses/tv.py
"""

import runpy

if __name__ == '__main__':
    runpy.run_module('neural_style', run_name='__main__')
