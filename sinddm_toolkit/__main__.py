"""`python -m sinddm_toolkit`: the command line where the script is not on the path."""

from sinddm_toolkit.cli.main import main

main()
