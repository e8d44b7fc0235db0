"""Why a row takes as long as it does: the kernels that ran, what limits them, and the latency that follows from them.

`kernels` reads and names a record's kernels, `costs` reads their costs off the ceilings, `prediction` adds them up,
`columns` puts all of it into a table, and `steps` says in which widths latency should come.
"""
