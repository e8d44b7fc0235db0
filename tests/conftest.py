"""What holds for all tests."""

import os

# More threads than cores only get in each other's way, most of all where two workers of pytest-xdist run tests.
os.environ.setdefault("OMP_NUM_THREADS", "1")
