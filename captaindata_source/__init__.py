"""Captain Data as a dlt source."""
