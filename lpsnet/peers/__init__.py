"""Published real-time segmentation networks, one file each, to be timed and trained beside LPS-Net.

Each is built from its paper and the facts that its docstring names, exact to its published counts or with the reason
why not, and registers itself: a new file in this folder shows up in `lpsnet.NAMES`.
"""
