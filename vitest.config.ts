import { defineConfig } from 'vitest/config'

if (Number.parseInt(process.versions.node, 10) < 26)
  throw new Error('the tests need Node 26: run them with "npm test", which uses the one that "npm ci" brings')

export default defineConfig({
  test: {
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // Tests share two cores with PostgreSQL: more workers only make each other's timeouts.
    maxWorkers: 2,
    setupFiles: ['test/harness/temporal-equality.ts'],
    reporters: ['default', './test/harness/closing-line.ts'],
    projects: [
      {
        // No I/O, no state: one process serves all of them.
        extends: true,
        test: { name: 'pure', include: ['src/lib/**/*.test.ts', 'test/guards/imports.test.ts'], pool: 'threads', isolate: false },
      },
      {
        extends: true,
        test: {
          name: 'system',
          include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
          exclude: ['src/lib/**', 'test/guards/imports.test.ts'],
          globalSetup: ['test/harness/global-setup.ts'],
          pool: 'forks',
        },
      },
    ],
  },
})
