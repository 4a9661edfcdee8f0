import { builtinModules } from 'node:module'
import { posix } from 'node:path'
import { cycles } from './graph.ts'
import { type Import, type Parsed, parse } from './parse.ts'
import * as law from './rules-table.ts'

export interface Violation {
  readonly rule: Rule
  readonly file: string
  readonly line: number
  readonly message: string
}

export type Rule =
  | 'layer'
  | 'module-order'
  | 'front-door'
  | 'lib-is-pure'
  | 'pure-file'
  | 'production'
  | 'dependency'
  | 'deep-import'
  | 'readable'
  | 'export-star'
  | 'environment'
  | 'clock'
  | 'cycle'
  | 'console'

/** The files that are judged, path → source, and the packages that package.json declares for production. */
export interface Tree {
  readonly files: ReadonlyMap<string, string>
  readonly dependencies: ReadonlySet<string>
}

/** One import with everything a rule asks about it. */
interface Edge extends Import {
  readonly file: string
  /** The file in the tree that it leads to; undefined for a package. */
  readonly to: string | undefined
  readonly specifier: string
}

type Verdict = readonly [Rule, string] | undefined

const BUILTINS = new Set([...builtinModules, ...builtinModules.map((name) => `node:${name}`)])
const isBuiltin = (specifier: string): boolean => specifier.startsWith('node:') || BUILTINS.has(specifier)
const packageOf = (specifier: string): string => specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/')
const isTest = (file: string): boolean => /\.test\.tsx?$/.test(file) || file.startsWith('test/')
const isProduction = (file: string): boolean => file.startsWith('src/') && !isTest(file)
const moduleOf = (file: string): string | undefined => /^src\/modules\/([^/]+)\//.exec(file)?.[1]
const isFrontDoor = (file: string): boolean => /^src\/modules\/[^/]+\/index\.ts$/.test(file)
const rank = (layer: law.Layer): number => law.LAYERS.indexOf(layer)

const layerOf = (file: string): law.Layer => {
  if (file === law.MAY_READ_ENVIRONMENT) return 'config'
  if (file === 'src/main.ts') return 'main'
  const folder = /^src\/(lib|platform|modules|cli)\//.exec(file)?.[1]
  return law.LAYERS.find((layer) => layer === folder) ?? 'app'
}

const isPure = (file: string): boolean =>
  file.startsWith('src/lib/') || (moduleOf(file) !== undefined && !isTest(file) && !law.SHELL.test(file))
const isPureOrSafe = (file: string): boolean =>
  isPure(file) || file.endsWith('.json') || law.PURE_PLATFORM.some((pattern) => pattern.test(file))

const layer = ({ file, to, typeOnly }: Edge): Verdict => {
  if (!to?.startsWith('src/')) return undefined
  const [from, target] = [layerOf(file), layerOf(to)]
  if (from === target) return undefined
  if (target === 'config') {
    const free = typeOnly || rank(from) >= rank('app')
    return free ? undefined : ['layer', `takes values from ${to}; settings arrive as arguments, only types may be imported`]
  }
  const allowed = from === 'config' ? target === 'lib' || isPureOrSafe(to) : rank(target) < rank(from)
  return allowed ? undefined : ['layer', `${from} imports ${target} (${to}); the direction is ${law.LAYERS.join(' ← ')}`]
}

const moduleOrder = ({ file, to }: Edge): Verdict => {
  const [from, target] = [moduleOf(file), to && moduleOf(to)]
  if (!from || !target || from === target) return undefined
  const order = (name: string): number => law.MODULES.indexOf(name)
  if (order(target) >= 0 && order(target) < order(from)) return undefined
  return [
    'module-order',
    `module ${from} imports ${target}; the order is ${law.MODULES.join(' → ')}; news travels upward as outbox events`,
  ]
}

const frontDoor = ({ file, to }: Edge): Verdict => {
  const target = to && moduleOf(to)
  if (!target || target === moduleOf(file) || isFrontDoor(to)) return undefined
  return ['front-door', `imports ${to}; another module is entered through src/modules/${target}/index.ts only`]
}

const libIsPure = ({ file, to, specifier }: Edge): Verdict => {
  if (!file.startsWith('src/lib/') || to || law.PURE_PACKAGES.includes(packageOf(specifier))) return undefined
  return [
    'lib-is-pure',
    `src/lib imports '${specifier}'; it knows no I/O and only these packages: ${law.PURE_PACKAGES.join(', ')}`,
  ]
}

const production = ({ to }: Edge): Verdict =>
  to && (isTest(to) || /^(bench|scripts|console)\//.test(to))
    ? ['production', `src imports ${to}, which is not shipped`]
    : undefined

const dependency =
  (dependencies: ReadonlySet<string>) =>
  ({ to, specifier }: Edge): Verdict => {
    if (to || specifier.startsWith('.') || isBuiltin(specifier) || dependencies.has(packageOf(specifier))) return undefined
    return ['dependency', `src imports '${specifier}', which is not among the dependencies of package.json`]
  }

const deepImport = ({ to, specifier }: Edge): Verdict => {
  const deep = specifier.includes('node_modules/') || (!to && !isBuiltin(specifier) && law.DEEP.test(specifier))
  if (!deep || law.PUBLIC_DEEP_PATHS.includes(specifier)) return undefined
  return ['deep-import', `'${specifier}' reaches into a package's private files`]
}

const consoleIsApart = ({ to }: Edge): Verdict =>
  to && !to.startsWith('console/') ? ['console', `the console imports ${to}; it speaks to the server over HTTP only`] : undefined

/** A pure file may take values from pure files only, also through another module's front door. Types are free. */
const pureFile =
  (parsed: ReadonlyMap<string, Parsed>) =>
  ({ file, to, specifier, typeOnly, names }: Edge): Verdict => {
    if (!isPure(file) || file.startsWith('src/lib/') || typeOnly) return undefined
    if (!to) {
      const known = law.PURE_PACKAGES.includes(packageOf(specifier))
      return known ? undefined : ['pure-file', `decides purely but imports '${specifier}'; ${CURE}`]
    }
    if (isPureOrSafe(to)) return undefined
    const door = isFrontDoor(to) && moduleOf(to) !== moduleOf(file) ? parsed.get(to)?.passedOn : undefined
    const impure = names.find((name) => {
      const origin = door?.get(name)
      return !origin || !isPureOrSafe(resolve(to, origin.from))
    })
    return impure === undefined ? undefined : ['pure-file', `decides purely but takes '${impure}' from ${to}; ${CURE}`]
  }

const CURE = 'pass it in, or name the file after its role or verb (SHELL in scripts/imports/rules-table.ts)'
const resolve = (file: string, specifier: string): string => posix.join(posix.dirname(file), specifier)

/** Everything in the tree that breaks a rule, in the order of the files. Throws when a file does not parse. */
export const check = ({ files, dependencies }: Tree): readonly Violation[] => {
  const parsed = new Map(
    [...files].filter(([path]) => /\.[jt]sx?$/.test(path)).map(([path, source]) => [path, parse(path, source)]),
  )
  const violations: Violation[] = []
  const edges = new Map<string, readonly string[]>()
  const rules = [layer, moduleOrder, frontDoor, libIsPure, production, dependency(dependencies), pureFile(parsed)]

  for (const [file, { imports, exportStars, environmentReads, outsideReads }] of parsed) {
    const report = (line: number, [rule, message]: readonly [Rule, string]) => violations.push({ rule, file, line, message })
    const targets: string[] = []
    for (const found of imports) {
      if (found.from === undefined) {
        if (isProduction(file)) report(found.line, ['readable', 'imports a path computed at run time, which no check can read'])
        continue
      }
      const to = found.from.startsWith('.') ? resolve(file, found.from) : undefined
      const edge: Edge = { ...found, file, specifier: found.from, to }
      if (to && !files.has(to) && !to.includes('node_modules/'))
        report(found.line, ['readable', `imports ${to}, which does not exist`])
      if (to && !found.dynamic) targets.push(to)
      const applied = [...(isProduction(file) ? rules : []), ...(isTest(file) ? [] : [deepImport])]
      for (const rule of file.startsWith('console/') ? [deepImport, consoleIsApart] : applied) {
        const verdict = rule(edge)
        if (verdict) report(found.line, verdict)
      }
    }
    edges.set(file, targets)
    if (!isProduction(file)) continue
    for (const { line } of exportStars) report(line, ['export-star', 'says export *; a front door names what it shows'])
    if (file !== law.MAY_READ_ENVIRONMENT)
      for (const { line } of environmentReads) report(line, ['environment', 'reads process.env; only src/config.ts does'])
    if (!law.MAY_READ_CLOCK.test(file))
      for (const { what, line } of outsideReads)
        report(line, ['clock', `uses ${what}; the clock, ids and randomness are passed in`])
  }
  for (const cycle of cycles(edges))
    violations.push({ rule: 'cycle', file: cycle[0] ?? '', line: 1, message: `imports itself: ${cycle.join(' → ')}` })
  return violations
}
