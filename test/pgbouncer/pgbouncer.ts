import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, writeFile } from 'node:fs/promises'
import { createConnection, createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

export interface Pooler {
  readonly port: number
  /** From 1.21 on it carries prepared statements along. */
  readonly keepsStatements: boolean
  stop(): Promise<void>
}

/** The version of the installed PgBouncer; undefined: there is none. */
export const installedVersion = (): string | undefined => {
  try {
    return /PgBouncer (\S+)/.exec(execFileSync('pgbouncer', ['--version'], { encoding: 'utf8' }))?.[1]
  } catch {
    return undefined
  }
}

const freePort = async (): Promise<number> => {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const address = probe.address()
  probe.close()
  await once(probe, 'close')
  return typeof address === 'object' && address ? address.port : 0
}

const answers = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = createConnection(port, '127.0.0.1')
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })

/** PgBouncer in transaction mode before a PostgreSQL, with so few connections that clients take turns on each; it asks there for passwords. */
export const openPooler = async (folder: string, adminUrl: string, version: string, connections: number): Promise<Pooler> => {
  const admin = new URL(adminUrl)
  const port = await freePort()
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const keepsStatements = major > 1 || minor >= 21
  const settings = [
    '[databases]',
    `* = host=127.0.0.1 port=${admin.port}`,
    '[pgbouncer]',
    'listen_addr = 127.0.0.1',
    `listen_port = ${port}`,
    'unix_socket_dir =',
    'pool_mode = transaction',
    `default_pool_size = ${connections}`,
    'auth_type = scram-sha-256',
    `auth_file = ${join(folder, 'users')}`,
    `auth_user = ${admin.username}`,
    'auth_query = select usename, passwd from pg_shadow where usename = $1',
    ...(keepsStatements ? ['max_prepared_statements = 300'] : []),
  ]
  await writeFile(join(folder, 'users'), `"${admin.username}" "${decodeURIComponent(admin.password)}"\n`)
  await writeFile(join(folder, 'pgbouncer.ini'), `${settings.join('\n')}\n`)
  // It refuses to run as root, and the one that it becomes must be able to read.
  await chmod(folder, 0o755)
  const asOther = process.getuid?.() === 0 ? ['-u', 'nobody'] : []
  const child = spawn('pgbouncer', [...asOther, join(folder, 'pgbouncer.ini')], { stdio: ['ignore', 'ignore', 'pipe'] })
  let output = ''
  child.stderr.on('data', (chunk) => {
    output += chunk
  })
  for (let left = 200; !(await answers(port)); left -= 1) {
    if (left === 0 || child.exitCode !== null) throw new Error(`PgBouncer did not start: ${output}`)
    await sleep(25)
  }
  return {
    port,
    keepsStatements,
    async stop() {
      if (child.exitCode !== null) return
      const exit = once(child, 'exit')
      child.kill('SIGKILL')
      await exit
    },
  }
}
