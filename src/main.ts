import { printError } from './cli/output.ts'
import { program } from './cli/program.ts'

try {
  await program().parseAsync()
} catch (error) {
  printError(error, process.argv.includes('--json'))
  process.exitCode = 1
}
