"""The figures of Gatys, Ecker, Bethge 2015 and the galleries of neural-style, one command each.

pictures       which picture stands where: the paper's, its stand-in, or the user's
plan           what a figure paints: keywords of stylize, labels, places on the sheet
normalization  mean activations of 1, as the paper's network has
painting       one picture painted, or taken as it is: NAME.png and NAME.json
sheet          the labelled sheet
page           index.html: settings, losses, curves
__main__       the command
"""
