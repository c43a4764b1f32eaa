"""All that leans on the inside of dlt: private names, and methods that are replaced.

`load_step`: packages are loaded as a whole, or from the beginning. `packages`: the files of a
load package. `clients`: destinations, their clients and jobs. `extraction`: resources and metrics.
`files`: odd names of folders, Arrow tables. `options`: configuration and logs.

Each fact has a test in `tests/unit/dlt_internals/`, which says what broke where a release of dlt
changes it. Nothing else in this package reads a private name of dlt or replaces a part of it.
"""
