"""`python -m captaindata_source.cli`: the command without its script."""

from captaindata_source.cli.main import run

run()
