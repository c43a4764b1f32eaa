"""One sync, from its beginning to its report."""
