"""The figures of Gatys, Ecker, Bethge 2015 and the galleries of neural-style, one command each.

flags          the command's flags
inputs         which image has which part: the paper's, its stand-in, or the user's
figures        the figures by name
paper          the paper's figures as plans, in two readings
galleries      the original's galleries as plans
plan           paintings: keywords of stylize, labels, cells on the sheet
normalization  equal mean activations, as the paper's network has
preparation    checks before rendering
rendering      one painting, rendered or found finished: NAME.png and NAME.json
sheet          the labelled sheet
page           index.html: settings, losses, curves
run            one figure, from flags to sheet and page
__main__       the command
"""
