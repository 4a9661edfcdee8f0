const CI = process.env.CI !== undefined && process.env.CI !== 'false'

/** How many runs of a property: enough to rely on in CI, and few enough not to wait for elsewhere. */
export const runs = (inCi: number, elsewhere: number): number => (CI ? inCi : elsewhere)
