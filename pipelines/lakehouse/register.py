"""Names the Delta tables of a folder for Spark: `python register.py FOLDER`.

Each table becomes a view of the files of its newest version, as the table's log lists them. So
Spark reads the tables without the Java library of Delta, and reads the files itself. Run it after
each sync.
"""

import sys
from pathlib import Path

from deltalake import DeltaTable
from pyspark.sql import SparkSession

SCHEMA = "captaindata"
LOADS = "_dlt_loads"
"""dlt's own table, which is lines of JSON in any format of tables."""


def main(folder: Path) -> None:
    spark = SparkSession.builder.enableHiveSupport().getOrCreate()
    spark.sql(f"create schema if not exists {SCHEMA}")
    for table in sorted(each for each in folder.iterdir() if each.is_dir()):
        if DeltaTable.is_deltatable(str(table)):
            files, kind = [Path(uri).name for uri in DeltaTable(str(table)).file_uris()], "parquet"
        elif table.name == LOADS:
            files, kind = [file.name for file in table.glob("*.jsonl")], "json"
        else:
            continue
        spark.sql(f"drop view if exists {SCHEMA}.{table.name}")
        if files:
            paths = f"{table}/{{{','.join(files)}}}"
            query = f"select * from {kind}.`{paths}`"  # noqa: S608 - files of the folder
            spark.sql(f"create view {SCHEMA}.{table.name} as {query}")
            rows = spark.table(f"{SCHEMA}.{table.name}").count()
            print(f"{SCHEMA}.{table.name}: {rows:,} rows in {len(files)} files")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
