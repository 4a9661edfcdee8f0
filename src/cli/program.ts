import { Command } from 'commander'
import { addServe } from './serve.ts'

/** The command line: one file a command. */
export const program = (): Command => {
  const root = new Command('cognitionos')
    .description('Self-hosted revenue platform for AI products: metering at true cost, subscriptions, exact invoices.')
    .option('--json', 'answer in JSON, for programs')
    .showHelpAfterError('(see: cognitionos --help)')
    .configureHelp({ sortSubcommands: false })
  addServe(root)
  return root
}
