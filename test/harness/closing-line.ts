import type { Reporter, SerializedError, TestCase, TestModule } from 'vitest/node'

/** What titles of tests that may be skipped in CI say: real recordings are not part of the repository. */
const MAY_SKIP = /data absent|no \S+ in COGNITIONOS_(DATA|CASES)_DIR/

const CI = process.env.CI !== undefined && process.env.CI !== 'false'

/** Ends the run with `N passed, N failed, N skipped`. In CI a skipped test fails: a guarantee that nobody checked is not held. */
class ClosingLine implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], errors: readonly SerializedError[]): void {
    const cases = modules.flatMap((module) => [...module.children.allTests()])
    const count = (state: 'passed' | 'failed' | 'skipped'): number => cases.filter((test) => test.result().state === state).length
    // A file that does not load and an error outside any test have no test of their own; they count as one failure each.
    const unloaded = modules.filter((module) => module.errors().length > 0).length
    const skipped = CI ? cases.filter(isForbiddenSkip) : []
    for (const test of skipped) console.error(`skipped in CI: ${test.module.relativeModuleId} > ${test.fullName}`)
    if (skipped.length > 0 || cases.length === 0) process.exitCode = 1
    const failed = count('failed') + unloaded + errors.length
    console.log(`\n${count('passed')} passed, ${failed} failed, ${count('skipped')} skipped`)
  }
}

const isForbiddenSkip = (test: TestCase): boolean => test.result().state === 'skipped' && !MAY_SKIP.test(test.fullName)

// vitest loads a reporter by its default export
export default ClosingLine
