import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Command } from 'commander'
import { expect, test } from 'vitest'
import { program } from '../../src/cli/program.ts'
import { readConfig } from '../../src/config.ts'

const text = readFileSync(join(import.meta.dirname, '../../docs/configuration.md'), 'utf8')
/** Name and default of each row of its tables. */
const rows = [...text.matchAll(/^\| `(\w+)` \|.+\| (.+) \|$/gm)].map(([, name = '', value = '']) => [name, value] as const)

/** The variables that are asked for when the configuration is read. */
const asked = (): string[] => {
  const names = new Set<string>()
  readConfig(
    new Proxy<Record<string, string>>(
      {},
      {
        get: (_, name) => {
          names.add(String(name))
          return undefined
        },
      },
    ),
  )
  return [...names]
}

const ofOptions = ({ options, commands }: Pick<Command, 'options' | 'commands'>): string[] => [
  ...options.flatMap(({ envVar }) => envVar ?? []),
  ...commands.flatMap(ofOptions),
]

test('docs/configuration.md names each variable that is read, once, and no other', () => {
  expect(rows.map(([name]) => name).sort()).toEqual([...asked(), ...new Set(ofOptions(program()))].sort())
})

test('a variable that is set to its documented default changes nothing', () => {
  const told = rows.filter(([, value]) => value !== 'none').map(([name, value]) => [name, value.replaceAll('`', '')])
  expect(told.length).toBeGreaterThan(5)
  expect(readConfig(Object.fromEntries(told))).toEqual(readConfig({}))
})

test.each([
  ['PORT', '70000', 'give a whole number from 0 to 65535'],
  ['WORKER', 'yes', 'give true or false'],
  ['LOG_LEVEL', 'loud', 'give one of trace, debug'],
  ['DATABASE_URL', 'localhost:5432', 'begins with postgres://'],
  ['COGNITIONOS_SECRET', 'short', 'openssl rand -base64 32'],
])('%s=%s stops the start and says what to give', (name, value, advice) => {
  expect(() => readConfig({ [name]: value })).toThrow(advice)
})
