"""What goes wrong in the long run: kills, faults, hostile pages, tight budgets. By hand:

    make chaos
    make chaos ARGS='kills --number 20 --database postgres'
    make chaos ARGS='kills --number 20 --aimed'

Each part prints a table; the exit code is 1 when anything was wrong. `tests/sync/test_chaos.py`
runs short forms of all parts.
"""
