import { readFile, writeFile } from 'node:fs/promises'
import { API_INFO, allRoutes } from '../src/app.ts'
import { openApi } from '../src/platform/http/openapi.ts'

// Writes openapi.json from the route table; with --check it only compares, so that a change of the API cannot go unseen.

const file = `${import.meta.dirname}/../openapi.json`
const fresh = `${JSON.stringify(openApi(allRoutes, API_INFO), undefined, 2)}\n`

if (process.argv.includes('--check')) {
  const committed = await readFile(file, 'utf8').catch(() => '')
  if (committed !== fresh) {
    const lines = committed.split('\n')
    const line = fresh.split('\n').findIndex((text, index) => text !== lines[index]) + 1
    console.error(`openapi.json differs from the routes from line ${line}; run: npm run openapi`)
    process.exitCode = 1
  }
} else {
  await writeFile(file, fresh)
  console.log(`openapi.json: ${allRoutes.length} operations`)
}
