#!/usr/bin/env node
// Plain ES2020 on purpose: an older Node must be able to read this file to say, or bring, what is missing.
import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, sep } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const NEEDED_MAJOR = 26
const BINARY = process.platform === 'win32' ? 'node.exe' : 'node'
const here = fileURLToPath(import.meta.url)
const root = dirname(dirname(here))
const majorOf = (version) => Number.parseInt(version, 10)

/** The entry: the source in a checkout; the built JavaScript when installed, because Node strips no types under node_modules. */
function entry() {
  const source = join(root, 'src', 'main.ts')
  return !root.split(sep).includes('node_modules') && existsSync(source) ? source : join(root, 'dist', 'main.js')
}

/** The npm package `node`, nearest first, as npm nests or hoists it: where it lies and whether its binary has arrived. */
function bundledNode() {
  let unfinished = false
  for (let dir = root; ; dir = dirname(dir)) {
    const folder = join(dir, 'node_modules', 'node')
    const manifest = join(folder, 'package.json')
    if (existsSync(manifest) && majorOf(JSON.parse(readFileSync(manifest, 'utf8')).version) >= NEEDED_MAJOR) {
      const path = join(folder, 'bin', BINARY)
      if (existsSync(path)) return { path, unfinished: false }
      unfinished = true
    }
    if (dirname(dir) === dir) return { path: undefined, unfinished }
  }
}

function runWith(node) {
  const child = spawn(node, [...process.execArgv, here, ...process.argv.slice(2)], { stdio: 'inherit' })
  // A terminal sends Ctrl-C to the whole group already; a second copy would read as "stop now, do not finish".
  process.on('SIGINT', () => process.stdin.isTTY || child.kill('SIGINT'))
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  child.on('error', (error) => refuse(`could not start ${node}: ${error.message}`))
  child.on('exit', (code, signal) => {
    if (signal === null) process.exit(code === null ? 1 : code)
    for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.removeAllListeners(name)
    process.kill(process.pid, signal)
  })
}

function refuse(problem) {
  process.stderr.write(`cognitionos: ${problem}\n`)
  process.exit(1)
}

function start() {
  const target = entry()
  if (!existsSync(target)) return refuse(`${target} is missing; run "npm run build" or install the package again.`)
  if (majorOf(process.versions.node) >= NEEDED_MAJOR) return import(pathToFileURL(target).href)
  const found = bundledNode()
  if (found.path) return runWith(found.path)
  const cure = found.unfinished
    ? 'The npm package "node" is here but its binary is not, because npm was told to ignore install scripts: run "npm rebuild node --ignore-scripts=false".'
    : 'Run "npm ci" in the project: it brings that Node along, beside yours.'
  return refuse(`needs Node ${NEEDED_MAJOR} or later and this is ${process.versions.node}. ${cure}`)
}

start()
