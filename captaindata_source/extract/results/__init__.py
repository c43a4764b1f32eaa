"""The path of job results: pages of JSON to parquet files."""
