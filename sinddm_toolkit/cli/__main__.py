"""`python -m sinddm_toolkit.cli`: the same as `python -m sinddm_toolkit`."""

from sinddm_toolkit.cli.main import main

main()
