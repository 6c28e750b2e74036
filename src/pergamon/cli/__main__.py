"""`python -m pergamon.cli`, the same as `pergamon`."""

from pergamon.cli.main import main

main()
