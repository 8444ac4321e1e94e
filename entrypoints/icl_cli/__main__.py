"""`python -m icl_cli` is `icl`."""

from icl_cli import main

main()
