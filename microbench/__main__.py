"""`python -m microbench` is the `microbench` command."""

from microbench.cli import main

main()
