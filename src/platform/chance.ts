/** From 0 to below 1, to spread what would come at one moment; no secret is made of it. */
export const chance = (): number => Math.random()
