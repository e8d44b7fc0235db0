"""Bundles: workloads in a folder, with all that times them, for a device that has Python, NumPy and a runtime alone.

Like the instrument, this room reads on Python 3.9 and imports no torch: each bundle carries a copy of it.
"""
