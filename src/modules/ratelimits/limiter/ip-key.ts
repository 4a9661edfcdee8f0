const BYTE = '(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)'
const IPV4 = new RegExp(`^(?:${BYTE}\\.){3}${BYTE}$`)
const HEXTET = /^[0-9a-f]{1,4}$/i
const HEXTETS = 8
const PREFIX_HEXTETS = 4
/**
 * What an IPv4 address stands behind: ::ffff:0:0/96, by which an IPv6 socket tells of an IPv4 client (RFC 4291, 2.5.5.2), and 64:ff9b::/96, by
 * which a NAT64 does (RFC 6052, 2.1).
 */
const AROUND_IPV4 = [
  [0, 0, 0, 0, 0, 0xffff],
  [0x64, 0xff9b, 0, 0, 0, 0],
] as const

/** `1.2.3.4` at the end stands for two hextets. */
const withoutDots = (text: string): string | undefined => {
  const at = text.lastIndexOf(':') + 1
  const tail = text.slice(at)
  if (!tail.includes('.')) return text
  if (!IPV4.test(tail)) return undefined
  const [a = 0, b = 0, c = 0, d = 0] = tail.split('.').map(Number)
  return `${text.slice(0, at)}${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`
}

const hextetsOf = (text: string): readonly number[] | undefined => {
  const parts = text === '' ? [] : text.split(':')
  return parts.every((part) => HEXTET.test(part)) ? parts.map((part) => Number.parseInt(part, 16)) : undefined
}

const ipv6 = (address: string): readonly number[] | undefined => {
  const text = withoutDots(address)
  const halves = text?.split('::') ?? []
  if (halves.length > 2) return undefined
  const [head, tail] = halves.map(hextetsOf)
  if (!head || (halves.length === 2 && !tail)) return undefined
  if (!tail) return head.length === HEXTETS ? head : undefined
  const gap = HEXTETS - head.length - tail.length
  return gap < 1 ? undefined : [...head, ...new Array<number>(gap).fill(0), ...tail]
}

/** As `ipKey`; undefined: it is no address. */
export const readIpKey = (address: string): string | undefined => {
  if (IPV4.test(address)) return address
  const zone = address.indexOf('%')
  const hextets = ipv6(zone < 0 ? address : address.slice(0, zone))
  if (!hextets) return undefined
  if (AROUND_IPV4.some((prefix) => prefix.every((part, i) => hextets[i] === part))) {
    const [high = 0, low = 0] = hextets.slice(-2)
    return [high >> 8, high & 255, low >> 8, low & 255].join('.')
  }
  return `${hextets
    .slice(0, PREFIX_HEXTETS)
    .map((part) => part.toString(16))
    .join(':')}::/64`
}

/**
 * What an address counts as, for the key of a limit: an IPv4 address as it is, an IPv6 address by its /64, all of which one customer has
 * (RFC 6177), and an IPv4 address inside of an IPv6 one as that. Throws RangeError where it is no address, or more than one.
 */
export const ipKey = (address: string): string => {
  const key = readIpKey(address)
  if (key === undefined)
    throw new RangeError(`${JSON.stringify(address)} is no IP address; it must be one alone, without port, brackets or spaces`)
  return key
}
