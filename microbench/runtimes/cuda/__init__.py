"""The GPU clock: what a session on an NVIDIA GPU is timed by, whichever runtime computes and package brings CUDA.

`stream` is the little that the clock asks of a device, `windows` the three timings on it, `session` the session that
they time. `pycuda_device` stands behind `stream` where torch does not.
"""
