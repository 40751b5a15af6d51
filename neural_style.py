"""The door: `python neural_style.py …` runs the program in the folder beside this file.

Nothing imports it, and it is not installed: Python takes the package of the same name.  Where the
blocks of neural_style.lua are now:

    cmd:option(...)                 neural_style/command/flags.py
    main(params)                    neural_style/command/run.py; neural_style/transfer/stylize.py
    setup_gpu, setup_multi_gpu      neural_style/network/devices.py, multi_gpu.py
    loadcaffe_wrap.load             loadcaffe/loading.py
    content and style layers        neural_style/network/building.py
    maybe_print, maybe_save         neural_style/command/report.py
    feval, optim.lbfgs, optim.adam  neural_style/torch7/optim.py, adam.py
    build_filename                  neural_style/command/checks.py
    preprocess, deprocess           neural_style/transfer/preprocessing.py
    original_colors                 neural_style/transfer/color.py
    ContentLoss, StyleLoss, Gram    neural_style/losses/content.py, style.py, gram.py
    TVLoss                          neural_style/losses/tv.py
"""

import runpy

if __name__ == '__main__':
    runpy.run_module('neural_style', run_name='__main__')
