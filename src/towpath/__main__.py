"""`python -m towpath` is the command line."""

from towpath.cli.main import main

main()
