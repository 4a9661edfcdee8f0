import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pino from 'pino'
import type { TestProject } from 'vitest/node'
import { withOwner } from '../../src/platform/db/migrate.ts'
import { withDatabase } from '../../src/platform/db/urls.ts'
import { setUp } from '../../src/setup.ts'

declare module 'vitest' {
  export interface ProvidedContext {
    /** The owner's connection to the server under test. */
    serverUrl: string
    /** A migrated database that each test file's own is copied from. */
    template: string
    secret: string
  }
}

const SECRET = 'a-secret-for-tests-of-32-characters'

/** One PostgreSQL for the whole run: DATABASE_URL where given, else an embedded one in a temporary folder. */
export const setup = async (project: TestProject): Promise<() => Promise<void>> => {
  const given = process.env.DATABASE_URL
  const dataDir = given ? undefined : await mkdtemp(join(tmpdir(), 'cognitionos-test-'))
  const embedded = dataDir ? await openServer(dataDir) : undefined
  const serverUrl = given ?? embedded?.adminUrl ?? ''
  const template = `cognitionos_test_${randomBytes(6).toString('hex')}`
  await withOwner(serverUrl, (owner) => owner.query(`create database ${template}`))
  await setUp({ ownerUrl: withDatabase(serverUrl, template), secret: SECRET })
  project.provide('serverUrl', serverUrl)
  project.provide('template', template)
  project.provide('secret', SECRET)
  return async () => {
    await withOwner(serverUrl, (owner) => owner.query(`drop database ${template} with (force)`))
    await embedded?.stop()
    if (dataDir) await rm(dataDir, { recursive: true, force: true })
  }
}

const openServer = async (dataDir: string) => {
  const { openEmbedded } = await import('../../src/platform/db/embedded.ts')
  return openEmbedded({ dataDir, log: pino({ level: 'silent' }) })
}
