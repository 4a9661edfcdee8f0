import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pino from 'pino'
import { openEmbedded } from '../src/platform/db/embedded.ts'
import { withOwner } from '../src/platform/db/migrate.ts'
import { withDatabase } from '../src/platform/db/urls.ts'
import { setUp } from '../src/setup.ts'
import { generateTypes } from './generate-db-types.ts'

/** Writes src/platform/db/generated from a freshly migrated database; `--check` only says whether it would change. */
const check = process.argv.includes('--check')
const given = process.env.DATABASE_URL
const dataDir = given ? undefined : await mkdtemp(join(tmpdir(), 'cognitionos-types-'))
const embedded = dataDir ? await openEmbedded({ dataDir, log: pino({ level: 'silent' }) }) : undefined
const serverUrl = given ?? embedded?.adminUrl ?? ''
const name = `cognitionos_types_${randomBytes(6).toString('hex')}`

await withOwner(serverUrl, (owner) => owner.query(`create database ${name}`))
try {
  const ownerUrl = withDatabase(serverUrl, name)
  await setUp({ ownerUrl, secret: randomBytes(32).toString('hex') })
  const stale = await withOwner(ownerUrl, (owner) => generateTypes(owner, check))
  const files = stale.map((file) => `src/platform/db/generated/${file}.ts`).join(', ')
  if (stale.length === 0) console.log('the database types match the migrations')
  else if (check) console.error(`${files} differ from the migrations; run: npm run db:types`)
  else console.log(`wrote ${files}`)
  if (check && stale.length > 0) process.exitCode = 1
} finally {
  await withOwner(serverUrl, (owner) => owner.query(`drop database if exists ${name} with (force)`))
  await embedded?.stop()
  if (dataDir) await rm(dataDir, { recursive: true, force: true })
}
