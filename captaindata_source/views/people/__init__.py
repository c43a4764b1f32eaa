"""People and companies, once each, over all results."""
