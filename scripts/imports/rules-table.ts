// The law of who may import whom, as data; rules.ts applies it and CONTRIBUTING.md explains it.

/** Modules in the order of the DAG: each may import only earlier ones. */
export const MODULES: readonly string[] = [
  'tenants',
  'catalog',
  'metering',
  'ratelimits',
  'subscriptions',
  'invoicing',
  'payments',
  'growth',
  'revenue',
  'codegen',
]

/** Layers of src/, lowest first. A file may import its own layer and the ones below. `config` gives only types to those above it. */
export type Layer = 'lib' | 'platform' | 'modules' | 'app' | 'cli' | 'main' | 'config'
export const LAYERS: readonly Layer[] = ['lib', 'platform', 'modules', 'app', 'cli', 'main']

/** Packages without I/O, which src/lib and pure files may use. */
export const PURE_PACKAGES: readonly string[] = ['typebox', 'typeid-js', '@pydantic/genai-prices']

/** Platform files without I/O, which pure files may use. */
export const PURE_PLATFORM: readonly RegExp[] = [
  /^src\/platform\/errors\.ts$/,
  /^src\/platform\/http\/(schema|problem|page)s?\.ts$/,
]

/**
 * Files of a module that may do I/O; every other file of a module decides purely. A new shell file is named after its role or
 * begins with a verb; a new verb is added here, where a reviewer sees it.
 */
const ROLES =
  'index store service routes jobs deps relay worker batcher writer cache gateway provisioner scheduler repricer sources'.split(
    ' ',
  )
const VERBS =
  'accept activate add apply archive bootstrap cancel change charge check close collect create decline delete downgrade drop erase expire export finalize finalise fetch generate get grant import ingest insert invite issue list load lock mark migrate move open pause pay post preview provision publish read record refund register release remove renew replay reprice reserve resume resolve retry revoke rotate run save schedule seed send serve settle simulate start stop suspend sweep sync update upgrade upsert verify void write'.split(
    ' ',
  )
export const SHELL = new RegExp(
  `^src/modules/[^/]+/(.+/)?((${ROLES.join('|')})|.+-(${ROLES.join('|')})|(${VERBS.join('|')})(-.+)?)\\.ts$`,
)

/** Subpaths like package/dist/x reach into a package's private files; these are documented by their packages. */
export const PUBLIC_DEEP_PATHS: readonly string[] = ['ajv/dist/2020.js']
export const DEEP = /^(@[^/]+\/)?[^/]+\/(dist|src|lib|build|out|cjs|esm|internal|node_modules)(\/|$)/

/** Where the clock, ids and randomness may come from the outside world. */
export const MAY_READ_CLOCK = /^src\/(platform\/|modules\/ratelimits\/limiter\/sources\.ts$)/
export const MAY_READ_ENVIRONMENT = 'src/config.ts'
