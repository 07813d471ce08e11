"""`python -m inkdigits`: the same as the `inkdigits` command."""

from inkdigits.cli import main

main()
