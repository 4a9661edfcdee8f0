import { globSync, readFileSync } from 'node:fs'
import type { Tree } from './rules.ts'

const JUDGED = ['{src,test,bench,scripts,console}/**/*.{ts,tsx,js,json}', '*.{ts,json}']
const SKIPPED = /(^|\/)(node_modules|dist)\//

/** Reads the checkout at `root`. Throws when there is nothing to judge: an empty answer would pass for a clean one. */
export const readTree = (root: string): Tree => {
  const paths = globSync(JUDGED, { cwd: root, exclude: (path) => SKIPPED.test(`${path}/`) }).map((path) =>
    path.replaceAll('\\', '/'),
  )
  if (!paths.some((path) => path.startsWith('src/'))) throw new Error(`no source files under ${root}/src`)
  const manifest: { dependencies?: Record<string, string> } = JSON.parse(readFileSync(`${root}/package.json`, 'utf8'))
  return {
    files: new Map(paths.sort().map((path) => [path, readFileSync(`${root}/${path}`, 'utf8')])),
    dependencies: new Set(Object.keys(manifest.dependencies ?? {})),
  }
}
