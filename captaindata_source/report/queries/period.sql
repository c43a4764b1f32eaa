-- period: First and last day of the runs
--
-- Grain: One row.
-- Needs: captaindata_views.daily_job_health
--
-- Columns:
--   first_day: day of the first run
--   last_run_day: day of the newest run
--   last_day: day of the newest run or of the last sync, whichever is later

select
    min(day) as first_day,
    max(day) filter (where runs > 0) as last_run_day,
    max(day) as last_day
from captaindata_views.daily_job_health
where true /* workspaces */
