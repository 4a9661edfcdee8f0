import { Command } from 'commander'
import { addDemo } from './demo/command.ts'
import { addDoctor } from './doctor/command.ts'
import { addInvoice } from './invoice.ts'
import { addKeys } from './keys.ts'
import { addMigrate } from './migrate.ts'
import { printJson } from './output.ts'
import { addReplay } from './replay/command.ts'
import { addServe } from './serve.ts'
import { addTenants } from './tenants.ts'

const HELP = `
Examples:
  cognitionos serve                       start; the first time it shows the operator's key
  cognitionos doctor                      is everything as it should be?
  cognitionos tenants create "Acme" --owner ada@acme.example --isolation SCHEMA
  cognitionos replay calls.ndjson --tenant tnt_… --json

Exit codes: 0 done; 1 refused or failed, the message says what to do; 2 the command was not understood.`

/** Not understood is another exit code than failed. */
const WRONG_USE = 2

/** The command line: one file a command. */
export const program = (): Command => {
  const root = new Command('cognitionos')
    .description('Self-hosted revenue platform for AI products: metering at true cost, subscriptions, exact invoices.')
    .option('--json', 'answer with one JSON document, for programs')
    .showHelpAfterError('(add --help to see what it takes)')
    .configureHelp({ showGlobalOptions: true })
    .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : WRONG_USE))
    .configureOutput({
      outputError: (text, write) => {
        const json = process.argv.includes('--json')
        if (!json) write(text)
        else if (text.startsWith('error:')) printJson({ error: { code: 'usage', message: text.replace(/^error: /, '').trim() } })
      },
    })
    .addHelpText('after', HELP)
  addServe(root)
  addMigrate(root)
  addDemo(root)
  addReplay(root)
  addTenants(root)
  addKeys(root)
  addInvoice(root)
  addDoctor(root)
  return root
}
