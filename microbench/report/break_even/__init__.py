"""The break-even of blocks over settings: how many blocks of another kind one 3x3 convolution costs."""
