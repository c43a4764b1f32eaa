"""The views as one page of HTML.

`reports.write_reports` → `queries` (one file of SQL for each) → `sections` → `page`.
"""
