/**
 * Common table expressions that stop the schedules of environments that go away: `moved` names them by `id`. Those that
 * code declares are made again by its next deployment.
 */
export const stopSchedulesOf = (moved: string): string => `
undeclared as (
  delete from schedules s using ${moved} where s.environment_id = ${moved}.id and s.type = 'DECLARATIVE'
),
stopped as (
  update schedules s set active = false, next_run_at = null, fire_at = null, updated_at = (select app_now())
  from ${moved} where s.environment_id = ${moved}.id and s.type = 'IMPERATIVE' and s.active
)`;
