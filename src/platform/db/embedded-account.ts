import { readFile, stat } from 'node:fs/promises'

/** The operating-system account PostgreSQL runs as. */
export interface Account {
  readonly uid: number
  readonly gid: number
}

const NOBODY: Account = { uid: 65534, gid: 65534 }

/** Undefined unless we are root: PostgreSQL refuses uid 0, so root hands it to an account without privileges. */
export async function serverAccount(pgdata: string, dataDir: string): Promise<Account | undefined> {
  if (process.geteuid?.() !== 0) return undefined
  const cluster = await ownerOf(pgdata)
  if (cluster && cluster.uid !== 0) return cluster
  const known = await passwd()
  const folder = await ownerOf(dataDir)
  // initdb looks its own name up, so a folder's owner without a passwd entry cannot create the cluster.
  if (folder && folder.uid !== 0 && [...known.values()].some(({ uid }) => uid === folder.uid)) return folder
  return known.get('postgres') ?? known.get('nobody') ?? NOBODY
}

async function ownerOf(path: string): Promise<Account | undefined> {
  const found = await stat(path).catch(() => undefined)
  return found && { uid: found.uid, gid: found.gid }
}

async function passwd(): Promise<Map<string, Account>> {
  const text = await readFile('/etc/passwd', 'utf8').catch(() => '')
  return new Map(
    [...text.matchAll(/^([^:#\n]+):[^:\n]*:(\d+):(\d+):/gm)].map(([, name = '', uid, gid]) => [
      name,
      { uid: Number(uid), gid: Number(gid) },
    ]),
  )
}
