"""`python -m redactor` is `redactor`. Knows only where the command line begins; keeps no state."""

from redactor.cli import main

main()
