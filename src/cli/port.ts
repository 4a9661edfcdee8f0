import { InvalidArgumentError } from 'commander'

/** The value of --port. */
export const toPort = (text: string): number => {
  const port = Number(text)
  if (text !== '' && Number.isInteger(port) && port >= 0 && port <= 65_535) return port
  throw new InvalidArgumentError('give a port from 0 (any free one) to 65535.')
}
