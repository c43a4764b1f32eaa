"""All that leans on the inside of dlt: private names, and methods that are replaced.

`load_step`: packages are loaded as a whole, or from the beginning. `normalize_step`: none is
normalized twice. `packages`: the files of a load package. `clients`: destinations, their clients
and jobs. `schema_changes`: tables and columns that are made outside of a load. `extraction`:
resources, empty tables and metrics. `files`: odd names of folders, Arrow tables. `options`:
configuration and logs. `adbc`: connections that share what ADBC knows.

Each fact has a test in `tests/unit/dlt_internals/`, which says what broke where a release of dlt
changes it. Nothing else in this package reads a private name of dlt or replaces a part of it.
"""
