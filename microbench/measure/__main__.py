"""`python -m microbench.measure BUNDLE` times a bundle; the room `microbench.bundle` does it."""

from microbench.bundle.command import main

main()
