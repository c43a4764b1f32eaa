"""What went wrong or is over since the last time, told once."""
