"""Texts that are hard to make names of."""

from __future__ import annotations

AWKWARD = [
    "", "*", "/x", "$x", "x", "X", "x_", '"', "'", "a.b", "a b", "select", "SELECT", "order",
    "user", "ctid", "rowid", "job_id", "1st", "ünï", "日本", "\u0000", "\n", "🚀", "_dlt_id", "é",
    "e\u0301", "'; drop table jobs; --", "k" * 62, "k" * 63, "k" * 64, "k" * 10_000, "fullName",
    "full_name", "LinkedIn", "\ud800",
]  # fmt: skip
