import { createApp } from '../src/app.ts'
import { readConfig } from '../src/config.ts'
import { logger } from '../src/platform/telemetry/log.ts'

/** The product as it is served, in a process of its own; logs are written as by default. */
const { BENCH_OWNER_URL: ownerUrl = '', BENCH_APP_URL: appUrl = '', BENCH_SECRET: secret = '' } = process.env
const app = await createApp({
  config: readConfig({}),
  server: { ownerUrl, appUrl, secret },
  log: logger('info'),
})
const operatorKey = await app.db.control.asOperator('bench', async (tx) => {
  const { secret: key } = await app.services.apiKeys.createOperator(tx, 'bench')
  return key
})
const url = await app.http.app.listen({ port: 0, host: '127.0.0.1' })
process.send?.({ url, operatorKey })
process.once('disconnect', async () => {
  await app.http.stop(1_000)
  await app.close()
})
