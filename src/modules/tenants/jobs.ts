import type { ScheduledJob } from '../../platform/jobs/jobs.ts'
import type { TenantsDeps } from './deps.ts'
import { type ExpireDeps, expireTrials } from './expire-trials.ts'
import type { Provisioner } from './provisioner.ts'

export type TenantJobsDeps = TenantsDeps & ExpireDeps & { readonly provisioner: Provisioner }

export const tenantJobs = (deps: TenantJobsDeps): readonly ScheduledJob[] => {
  const { clock, log, provisioner } = deps
  const expire = expireTrials(deps)
  return [
    {
      name: 'tenants-expire-trials',
      cron: '* * * * *',
      async run() {
        const ended = await expire(clock.now())
        if (ended > 0) log.info({ ended }, 'trials ended')
      },
    },
    {
      name: 'tenants-sweep-half-built',
      cron: '*/5 * * * *',
      async run() {
        const { undone, failed } = await provisioner.sweepHalfBuilt(clock.now())
        if (undone + failed > 0) log.info({ undone, failed }, 'half-built places swept')
      },
    },
  ]
}
