import { type ParseResult, parseSync, Visitor } from 'oxc-parser'

export interface Import {
  /** What the source says; undefined: computed at run time. */
  readonly from: string | undefined
  /** Erased before the code runs. */
  readonly typeOnly: boolean
  /** The names taken; '*' for a namespace or a dynamic import. */
  readonly names: readonly string[]
  readonly dynamic: boolean
  readonly line: number
}

interface Finding {
  readonly what: string
  readonly line: number
}

export interface Parsed {
  readonly imports: readonly Import[]
  /** Exported name → the specifier and name that it is passed on from. */
  readonly passedOn: ReadonlyMap<string, { readonly from: string; readonly name: string }>
  readonly exportStars: readonly Finding[]
  readonly environmentReads: readonly Finding[]
  /** Reads of the clock or of randomness. */
  readonly outsideReads: readonly Finding[]
}

type Node = Parameters<NonNullable<ConstructorParameters<typeof Visitor>[0]['MemberExpression']>>[0]

/** `a.b.c` as text, for identifiers and literal keys; undefined for anything computed. */
const pathOf = (node: { readonly type: string }): string | undefined => {
  const known = node as Node | { readonly type: 'Identifier'; readonly name: string }
  if (known.type === 'Identifier') return known.name
  if (known.type !== 'MemberExpression') return undefined
  const object = pathOf(known.object)
  const key = known.property.type === 'Identifier' && !known.computed ? known.property.name : literal(known.property)
  return object && key ? `${object}.${key}` : undefined
}

const literal = (node: { readonly type: string; readonly value?: unknown }): string | undefined =>
  node.type === 'Literal' && typeof node.value === 'string' ? node.value : undefined

const OUTSIDE = /^(globalThis\.)?(Date\.now|Math\.random|Temporal\.Now(\..+)?|crypto\.(randomUUID|getRandomValues))$/
const ENVIRONMENT = /^(globalThis\.)?process\.env$/

/** Reads one file's syntax tree. Throws when the file does not parse: a guard that skips a file guards nothing. */
export const parse = (path: string, source: string): Parsed => {
  const result = parseSync(path, source)
  const error = result.errors[0]
  if (error) throw new Error(`${path}: ${error.message}`)
  const starts = [0, ...[...source.matchAll(/\n/g)].map(({ index }) => index + 1)]
  const lineOf = (offset: number): number => starts.filter((start) => start <= offset).length
  const { imports, ...module } = fromModule(result, source, lineOf)
  const { typeImports, ...tree } = fromTree(result, lineOf)
  return { ...module, ...tree, imports: [...imports, ...typeImports] }
}

const fromModule = ({ module }: ParseResult, source: string, lineOf: (offset: number) => number) => {
  const imports: Import[] = []
  const passedOn = new Map<string, { from: string; name: string }>()
  const exportStars: Finding[] = []
  for (const { moduleRequest, entries, start } of module.staticImports) {
    const typeOnly = entries.length > 0 && entries.every(({ isType }) => isType)
    const names = entries
      .filter(({ isType }) => !isType)
      .map(({ importName }) => importName.name ?? (importName.kind === 'Default' ? 'default' : '*'))
    imports.push({ from: moduleRequest.value, typeOnly, names, dynamic: false, line: lineOf(start) })
  }
  for (const { entries, start } of module.staticExports) {
    for (const { moduleRequest, importName, exportName, isType } of entries) {
      if (!moduleRequest) continue
      const star = importName.kind === 'AllButDefault' || importName.kind === 'All'
      if (star) exportStars.push({ what: 'export *', line: lineOf(start) })
      const name = importName.name ?? '*'
      if (exportName.name) passedOn.set(exportName.name, { from: moduleRequest.value, name })
      imports.push({
        from: moduleRequest.value,
        typeOnly: isType,
        names: isType ? [] : [name],
        dynamic: false,
        line: lineOf(start),
      })
    }
  }
  for (const { moduleRequest, start } of module.dynamicImports) {
    const text = source.slice(moduleRequest.start, moduleRequest.end)
    const from = /^(['"`])([^$]*)\1$/.exec(text)?.[2]
    imports.push({ from, typeOnly: false, names: ['*'], dynamic: true, line: lineOf(start) })
  }
  return { imports, passedOn, exportStars }
}

const fromTree = ({ program }: ParseResult, lineOf: (offset: number) => number) => {
  const environmentReads: Finding[] = []
  const outsideReads: Finding[] = []
  const typeImports: Import[] = []
  const environment = (start: number) => environmentReads.push({ what: 'process.env', line: lineOf(start) })
  const visitor = new Visitor({
    MemberExpression(node) {
      const path = pathOf(node)
      if (path && ENVIRONMENT.test(path)) environment(node.start)
      if (path && OUTSIDE.test(path)) outsideReads.push({ what: path, line: lineOf(node.start) })
    },
    NewExpression(node) {
      if (pathOf(node.callee) === 'Date') outsideReads.push({ what: 'new Date', line: lineOf(node.start) })
    },
    CallExpression(node) {
      if (pathOf(node.callee) === 'Date') outsideReads.push({ what: 'Date()', line: lineOf(node.start) })
    },
    VariableDeclarator(node) {
      if (node.id.type !== 'ObjectPattern' || !node.init) return
      const from = pathOf(node.init)
      for (const property of node.id.properties) {
        const key = property.type === 'Property' ? pathOf(property.key) : undefined
        if (from === 'process' && key === 'env') environment(node.start)
        if (from && key && OUTSIDE.test(`${from}.${key}`)) outsideReads.push({ what: `${from}.${key}`, line: lineOf(node.start) })
      }
    },
    TSImportType(node) {
      typeImports.push({ from: node.source.value, typeOnly: true, names: [], dynamic: false, line: lineOf(node.start) })
    },
    ImportDeclaration(node) {
      if (!/^(node:)?process$/.test(node.source.value)) return
      for (const { type, start, ...rest } of node.specifiers) {
        if (type === 'ImportSpecifier' && 'imported' in rest && pathOf(rest.imported) === 'env') environment(start)
      }
    },
  })
  visitor.visit(program)
  return { environmentReads, outsideReads, typeImports }
}
