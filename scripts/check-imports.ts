import { check } from './imports/rules.ts'
import { readTree } from './imports/tree.ts'

const tree = readTree(`${import.meta.dirname}/..`)
const violations = check(tree)
for (const { rule, file, line, message } of violations) console.error(`${file}:${line} [${rule}] ${message}`)
console.log(`import rules: ${tree.files.size} files, ${violations.length} violations`)
if (violations.length > 0) process.exitCode = 1
