import { readFileSync, writeFileSync } from 'node:fs'

/**
 * npm leaves an optional platform package out of the lock when the registry at hand does not carry it, and `npm ci` then refuses the
 * lock on every platform. This adds what is missing, by name and exact version; npm fetches it only on the platform it is for.
 * Run after `npm install` changed the lock: node scripts/complete-lockfile.ts
 */
interface Locked {
  readonly version?: string
  readonly dev?: boolean
  readonly optional?: boolean
  readonly os?: readonly string[]
  readonly cpu?: readonly string[]
  readonly libc?: readonly string[]
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

const OS = ['android', 'darwin', 'freebsd', 'linux', 'openharmony', 'win32']
const CPU = ['arm64', 'arm', 'ia32', 'ppc64', 'riscv64', 's390x', 'x64']

const platformOf = (name: string): Pick<Locked, 'os' | 'cpu' | 'libc'> | undefined => {
  const words = name.split(/[/-]/)
  const os = OS.find((known) => words.includes(known))
  const cpu = CPU.find((known) => words.includes(known))
  if (!os || !cpu) return undefined
  return { os: [os], cpu: [cpu], ...(words.some((word) => word.startsWith('musl')) ? { libc: ['musl'] } : {}) }
}

const lock: { packages: Record<string, Locked> } = JSON.parse(readFileSync('package-lock.json', 'utf8'))

/** Where `name` is found from the package at `from`: its own node_modules, then each one above. */
const resolve = (from: string, name: string): Locked | undefined => {
  for (let at = from; ; at = at.slice(0, Math.max(0, at.lastIndexOf('/node_modules/')))) {
    const found = lock.packages[`${at === '' ? '' : `${at}/`}node_modules/${name}`]
    if (found || at === '') return found
  }
}

const added: string[] = []
for (const [from, { dev, optionalDependencies }] of Object.entries(lock.packages)) {
  for (const [name, version] of Object.entries(optionalDependencies ?? {})) {
    const platform = platformOf(name)
    if (!platform || !/^\d/.test(version) || resolve(from, name)?.version === version) continue
    const top = `node_modules/${name}`
    lock.packages[lock.packages[top] ? `${from}/${top}` : top] = { version, ...platform, ...(dev ? { dev } : {}), optional: true }
    added.push(`${name}@${version}`)
  }
}

const [root, ...others] = Object.entries(lock.packages)
if (root) lock.packages = Object.fromEntries([root, ...others.sort(([a], [b]) => a.localeCompare(b, 'en'))])
if (added.length > 0) writeFileSync('package-lock.json', `${JSON.stringify(lock, null, 2)}\n`)
console.log(added.length > 0 ? `added ${added.join(', ')}` : 'the lock is complete')
