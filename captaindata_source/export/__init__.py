"""Views and results as files: CSV, Parquet, JSON lines and Excel; see README.md beside it."""
