"""The instrument: what to time, how to sample it, how far to trust it, and how to keep it.

Imports neither torch nor any floor above, and reads on Python 3.9, so that it also runs on a Jetson or a bare server.
"""
