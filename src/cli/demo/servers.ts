import { existsSync } from 'node:fs'
import { rm, rmdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Logger } from 'pino'
import type { Config } from '../../config.ts'
import type { Clock } from '../../platform/clock.ts'
import { openEmbedded } from '../../platform/db/embedded.ts'
import { lockFolder } from '../../platform/db/embedded-lock.ts'
import { AppError, configError } from '../../platform/errors.ts'
import { openRuntime, type Runtime } from '../runtime.ts'

export interface DemoServers {
  readonly runtime: Runtime
  /** The owner's connection to the second server, which stands for a dedicated cluster. */
  readonly clusterUrl: string
  /** Stops both servers and removes the folder. */
  close(): Promise<void>
}

/** Throws `demo_running` where another demo runs. */
const insistFree = (part: string): void => {
  if (!existsSync(join(part, 'lock'))) return
  try {
    lockFolder(part).release()
  } catch (error) {
    if (!(error instanceof AppError && error.code === 'data_folder_in_use')) throw error
    const { pid } = error.details
    throw configError('demo_running', `another demo runs here${pid ? ` as process ${pid}` : ''}; end that with Ctrl-C first`)
  }
}

const remove = async (folder: string, parts: readonly string[]): Promise<void> => {
  for (const part of parts) insistFree(part)
  await rm(folder, { recursive: true, force: true, maxRetries: 3 })
}

/** The folder above too, where only the demo had made it. */
const removeEmpty = (folder: string): Promise<void> => rmdir(folder).catch(() => {})

/** Both embedded servers in a folder of the demo's own: what an earlier demo left there is removed first. */
export const openServers = async (config: Config, folder: string, log: Logger, clock: Clock): Promise<DemoServers> => {
  const [main, cluster] = [join(folder, 'main'), join(folder, 'cluster')]
  await remove(folder, [main, cluster])
  const database = { ...config.database, ownerUrl: undefined, appUrl: undefined, dataDir: main }
  // A month in a minute is more calls a minute than any month has.
  const http = { ...config.http, limitRequests: false }
  const [opened, dedicated] = await Promise.allSettled([
    openRuntime({ config: { ...config, http, database, secret: undefined }, log, clock }),
    openEmbedded({ dataDir: cluster, log }),
  ])
  const close = async (): Promise<void> => {
    if (opened.status === 'fulfilled') await opened.value.stop()
    if (dedicated.status === 'fulfilled') await dedicated.value.stop()
    await remove(folder, [main, cluster])
    await removeEmpty(dirname(folder))
  }
  if (opened.status === 'fulfilled' && dedicated.status === 'fulfilled')
    return { runtime: opened.value, clusterUrl: dedicated.value.adminUrl, close }
  await close()
  throw opened.status === 'rejected' ? opened.reason : dedicated.status === 'rejected' ? dedicated.reason : undefined
}
