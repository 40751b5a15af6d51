"""The command: flags, files, the terminal, in the order of neural_style.lua."""
