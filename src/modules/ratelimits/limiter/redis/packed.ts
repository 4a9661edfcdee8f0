const BYTES = 7

/**
 * A whole number from 0 to 2^53 for a script to read with `struct`, through clients that send text as UTF-8, which leaves bytes below 128 as
 * they are: seven bytes, low first, without their highest bit, and seven with half of that. The number is the first and twice the second.
 */
export const packed = (whole: number): string => {
  let low = ''
  let high = ''
  let left = whole
  for (let i = 0; i < BYTES; i += 1) {
    const byte = left % 256
    low += String.fromCharCode(byte & 0x7f)
    high += String.fromCharCode((byte & 0x80) >> 1)
    left = (left - byte) / 256
  }
  return low + high
}
