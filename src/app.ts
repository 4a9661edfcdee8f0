import type { Logger } from 'pino'
import type { Config } from './config.ts'
import type { IdSource } from './lib/ids.ts'
import * as catalog from './modules/catalog/index.ts'
import * as invoicing from './modules/invoicing/index.ts'
import * as metering from './modules/metering/index.ts'
import * as payments from './modules/payments/index.ts'
import * as ratelimits from './modules/ratelimits/index.ts'
import * as subscriptions from './modules/subscriptions/index.ts'
import * as tenants from './modules/tenants/index.ts'
import { type ApiKeyService, apiKeyService } from './platform/auth/api-keys.ts'
import { auditLog } from './platform/auth/audit.ts'
import { authenticator } from './platform/auth/authenticate.ts'
import { auditRoutes, keyRoutes } from './platform/auth/routes.ts'
import { chance } from './platform/chance.ts'
import { type Clock, systemClock } from './platform/clock.ts'
import { type Database, openDatabase } from './platform/db/database.ts'
import type { DatabaseServer } from './platform/db/server.ts'
import { tracedDatabase } from './platform/db/traced-database.ts'
import { idempotency } from './platform/http/idempotency.ts'
import { type ApiInfo, openApi } from './platform/http/openapi.ts'
import { registerRoot } from './platform/http/root.ts'
import type { Route } from './platform/http/route.ts'
import { buildServer, type HttpServer } from './platform/http/server.ts'
import { type ScheduledJob, worker } from './platform/jobs/jobs.ts'
import { outboxWriter, type Subscriber } from './platform/outbox/outbox.ts'
import { outboxRelay, type Relay } from './platform/outbox/relay.ts'
import { openRedis } from './platform/redis/connection.ts'
import { realIds } from './platform/system-ids.ts'
import { requestLog } from './platform/telemetry/log.ts'
import { metrics } from './platform/telemetry/metrics.ts'
import { startTracing, untraced } from './platform/telemetry/tracing.ts'

export const API_INFO: ApiInfo = {
  version: '3.0.0',
  tags: [
    { name: 'Tenants', description: 'The customers of the operator, their members and where their data lives' },
    { name: 'Users', description: 'The members of a tenant, with role and permissions' },
    { name: 'Clusters', description: 'PostgreSQL servers registered for tenants that have one of their own' },
    { name: 'API keys', description: 'Scoped keys, shown once, rotated with an overlap' },
    { name: 'Plans', description: 'Versioned tiers and custom plans' },
    { name: 'Subscriptions', description: 'What a tenant has bought' },
    { name: 'Usage', description: 'What a tenant uses, recorded once and summed exactly' },
    { name: 'Model prices', description: 'What models cost, and from when' },
    { name: 'Rate limits', description: 'How much may be asked for, by whom and how fast' },
    { name: 'Invoices', description: 'Issued once a period, gapless, immutable' },
    { name: 'Payments', description: 'Through a gateway; tokens only, never card numbers' },
    { name: 'Audit log', description: 'Every mutation, and refusals: of a flood of them a sample, with how many were left out' },
  ],
}

/** What this product keeps in Redis begins with it. */
const REDIS_PREFIX = 'cognitionos'

export interface Services {
  readonly tenants: tenants.TenantService
  readonly users: tenants.UserService
  readonly clusters: tenants.ClusterService
  readonly apiKeys: ApiKeyService
  readonly plans: catalog.PlanService
  readonly subscriptions: subscriptions.SubscriptionService
  readonly usage: metering.UsageService
  readonly usageReads: metering.UsageReads
  readonly modelPrices: metering.ModelPriceService
  readonly rateLimits: ratelimits.LimitService
  readonly rateChecks: ratelimits.CheckService
  readonly concurrentAgents: ratelimits.ConcurrentAgents
  readonly violations: ratelimits.ViolationService
  readonly adjustments: ratelimits.AdjustmentService
  readonly invoices: invoicing.InvoiceService
  readonly payments: payments.PaymentService
}

/** Every endpoint of the API: the server, OpenAPI, the authorisation matrix and the tests read this table. */
export const allRoutes: readonly Route<Services>[] = [
  ...tenants.tenantRoutes,
  ...tenants.userRoutes,
  ...tenants.clusterRoutes,
  ...keyRoutes,
  ...catalog.planRoutes,
  ...subscriptions.subscriptionRoutes,
  ...metering.usageWriteRoutes,
  ...metering.usageReadRoutes,
  ...metering.priceRoutes,
  ...ratelimits.rateLimitRoutes,
  ...ratelimits.rateCheckRoutes,
  ...ratelimits.concurrentAgentsRoutes,
  ...ratelimits.violationRoutes,
  ...ratelimits.adjustmentRoutes,
  ...invoicing.invoiceRoutes,
  ...invoicing.taxRoutes,
  ...payments.paymentRoutes,
  ...auditRoutes,
]

export interface AppOptions {
  readonly config: Config
  readonly server: Pick<DatabaseServer, 'ownerUrl' | 'appUrl' | 'secret'>
  readonly log: Logger
  readonly clock?: Clock
  readonly ids?: IdSource
  readonly checkReplies?: boolean
}

const countingBy = (clock: Clock) => ({ now: () => clock.now().epochMilliseconds * 1_000, seed: ratelimits.hashSeed() })

/** The limits' counts in Redis, which all servers share. */
const sharedCounts = async (redis: Config['redis'], ids: IdSource, log: Logger) => {
  const { client, close } = await openRedis(redis, log)
  const servers = ratelimits.liveServers(client, REDIS_PREFIX, ids.next('srv'))
  const shared = {
    client,
    deadlineMs: redis.deadlineMs,
    prefix: REDIS_PREFIX,
    now: ratelimits.microseconds,
    seed: ratelimits.hashSeed(),
    liveServers: servers.count,
  }
  const limiter = ratelimits.sharedLimiter({ ...shared, isCluster: redis.isCluster, log })
  return {
    limiter,
    agentPlaces: ratelimits.sharedAgentPlaces({ ...shared, deadlineMs: redis.deadlineMs / 2 }),
    servers,
    async close() {
      await limiter.endLeases()
      close()
    },
  }
}

/** Wires the product together: plain calls, the only place where modules meet. Opens pools, starts nothing. */
export const createApp = async ({
  config,
  server,
  log,
  clock = systemClock,
  ids = realIds(),
  checkReplies = false,
}: AppOptions) => {
  const { ownerUrl, appUrl, secret } = server
  const tracing = config.otlpEndpoint ? await startTracing(config.otlpEndpoint, API_INFO.version) : undefined
  const opened = openDatabase({
    url: appUrl,
    placeOf: tenants.placeOf({ appUrl, secret }),
    log,
    controlConnections: config.database.controlConnections,
    planeConnections: config.database.planeConnections,
  })
  const db: Database = tracing ? tracedDatabase(opened, tracing.part) : opened
  const inSpan = tracing?.whole ?? untraced
  let relay: Relay | undefined
  const outbox = outboxWriter({ clock, ids, nudge: () => relay?.nudge() })
  const audit = auditLog({ db, clock, ids, log })
  const keys = idempotency({ db, clock, secret })
  const auth = authenticator({ db, clock })
  const deps = { db, clock, ids, outbox, log }

  const provisioner = tenants.provisioner({ db, clock, log, ownerUrl, secret })
  const prices = metering.priceBooks({ db, log })
  const usage = metering.usageService({ ...deps, prices, limitsOf: subscriptions.limitsOf(db, clock) })
  const usageReads = metering.usageReads({ db })
  const { findTenant, peakMembers } = tenants
  const { totals, lastEventAt } = usageReads
  const { paymentUnderWay } = payments
  const invoicingDeps = { ...deps, totals, peakMembers, paymentUnderWay }
  const paymentDeps = { ...deps, gateway: payments.boundedGateway(payments.sandboxGateway({ db, clock })) }
  const meteringDeps = { ...deps, prices, places: () => tenants.everyPlace(db, { appUrl, secret }) }
  const violations = ratelimits.violationService(deps)
  const shared = config.redis.urls.length === 0 ? undefined : await sharedCounts(config.redis, ids, log)

  let http: HttpServer | undefined
  let limits: ratelimits.PlatformLimits | undefined
  const measured = metrics({
    inFlight: () => http?.inFlight() ?? 0,
    limitedKeys: () => limits?.sizes() ?? {},
    redisReachable: () => shared?.limiter.isReachable(),
    pools: db.pools,
  })
  const adjustments = ratelimits.adjustmentService({
    ...deps,
    failed(limitId, error) {
      measured.adjustmentFailed()
      log.warn({ err: error, limit: limitId }, 'a limit could not follow the load; what it saw waits')
    },
  })

  const services: Services = {
    tenants: tenants.tenantService({ ...deps, provisioner }),
    users: tenants.userService({ ...deps, seatsOf: subscriptions.seatsOf(deps) }),
    clusters: tenants.clusterService({ ...deps, secret }),
    apiKeys: apiKeyService({ clock, ids }),
    plans: catalog.planService(deps),
    subscriptions: subscriptions.subscriptionService({ ...deps, findTenant, peakMembers, totals, lastEventAt }),
    usage,
    usageReads,
    modelPrices: metering.modelPriceService(meteringDeps),
    rateLimits: ratelimits.limitService(deps),
    rateChecks: ratelimits.checkService({
      clock,
      priceUse: metering.usePricing({ prices, waitMs: config.redis.deadlineMs / 4 }),
      limits: ratelimits.limitCache({ db, log }),
      limiter: ratelimits.reporting(shared?.limiter ?? ratelimits.inProcessLimiter(countingBy(clock)), measured.limitDegraded),
      tiers: ratelimits.planCache(subscriptions.tierOf(deps)),
      deadlineMs: config.redis.deadlineMs,
      explainPast: ratelimits.pastExplanation({ db, clock, tierAt: subscriptions.tierAt(deps) }),
      violated: violations.violated,
      load: adjustments,
      random: chance,
    }),
    concurrentAgents: ratelimits.concurrentAgents({
      places: shared?.agentPlaces ?? ratelimits.inProcessAgentPlaces(countingBy(clock).now),
      numbers: ratelimits.planCache(subscriptions.concurrentAgentsOf(deps)),
      waitMs: config.redis.deadlineMs / 2,
      refused: measured.agentRefused,
      degraded: () => measured.limitDegraded('local'),
      random: chance,
    }),
    violations,
    adjustments,
    invoices: invoicing.invoiceService(invoicingDeps),
    payments: payments.paymentService(paymentDeps),
  }

  const subscribers: Readonly<Record<string, readonly Subscriber[]>> = {
    ...invoicing.invoicingSubscribers(invoicingDeps),
    ...metering.meteringSubscribers(meteringDeps),
  }
  relay = outboxRelay({ db, clock, log, subscribers, inSpan })

  const jobs: readonly ScheduledJob[] = [
    ...tenants.tenantJobs({
      ...deps,
      audit,
      provisioner,
      subscribed: async (tx, tenantId) => (await subscriptions.liveSubscription(tx, tenantId)) !== undefined,
    }),
    ...metering.meteringJobs(meteringDeps),
    ...ratelimits.rateLimitJobs(deps),
    ...invoicing.invoicingJobs(invoicingDeps),
    ...payments.paymentJobs(paymentDeps),
    {
      name: 'platform-sweep',
      cron: '17 * * * *',
      async run() {
        await keys.sweep()
        await relay?.sweep()
      },
    },
  ]

  const { limitRequests, addressPerMinute, keySharePercent } = config.http
  if (limitRequests)
    limits = ratelimits.platformLimits({
      addressPerMinute,
      keySharePercent,
      rates: ratelimits.planCache(subscriptions.callsPerMinuteOf(deps)),
      refused: measured.limited,
      now: ratelimits.microseconds,
      seed: ratelimits.hashSeed(),
      random: chance,
    })
  else log.warn('the requests of this server are not limited (LIMIT_REQUESTS is false)')
  http = await buildServer({
    routes: allRoutes,
    services,
    db,
    clock,
    ids,
    log,
    authenticator: auth,
    audit,
    idempotency: keys,
    limits,
    checkReplies,
    corsOrigins: config.http.corsOrigins,
    maxInFlight: config.http.maxInFlight,
    trustedProxies: config.http.trustedProxies,
    observers: [measured.observer, requestLog(log)],
  })
  await registerRoot(http.app, {
    ready: async () => {
      await db.lookup((tx) => tx.selectFrom('plans').select('code').limit(1).execute())
    },
    registry: measured.registry,
    openApi: openApi(allRoutes, API_INFO),
  })
  tracing?.traceRequests(http.app)

  return {
    db,
    clock,
    ids,
    services,
    audit,
    relay,
    jobs,
    http,
    worker: () => worker({ appUrl, jobs, log, ended: measured.jobEnded, inSpan }),
    /** Writes when keys were last used, now and then. */
    flushLastUse: auth.flushLastUse,
    /** Writes what limits refused since the last time. */
    flushViolations: violations.flush,
    /** Says to the other servers that this one counts rate limits too, and counts them; every few seconds. */
    async countServers() {
      await shared?.servers.look()
    },
    /** Gives back what this server has taken of leased rate limits and does not use; a few times a second. */
    sweepLeases: () => shared?.limiter.sweepLeases(),
    /** Lets limits follow the load that was seen since the last time. */
    adjustLimits: adjustments.flush,
    /** Ends what `createApp` opened, after the server has stopped. */
    async close() {
      await relay?.stop()
      void shared?.servers.leave().catch(() => {}) // without it, the others miss this server by themselves
      await shared?.close()
      await audit.flush().catch((error: unknown) => log.error({ err: error }, 'the last refusals could not be audited'))
      await auth.flushLastUse().catch((error: unknown) => log.warn({ err: error }, 'last uses of keys could not be written'))
      await violations.flush().catch((error: unknown) => log.warn({ err: error }, 'the last refusals could not be counted'))
      await adjustments.flush().catch((error: unknown) => log.warn({ err: error }, 'what limits saw last is lost'))
      await tracing?.stop()
      await db.close()
    },
  }
}

export type App = Awaited<ReturnType<typeof createApp>>
