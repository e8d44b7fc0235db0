"""Published real-time segmentation networks, one file each, to be timed and trained beside LPS-Net.

Each is built from its paper and the facts that its docstring names, exact to its published counts of parameters.
"""
