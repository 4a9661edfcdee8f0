import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'
import { configError } from '../errors.ts'

// One byte of version, 12 of nonce, 16 of tag, then the text: a later scheme can be told apart.
const VERSION = 1
const NONCE = 12
const TAG = 16
const HEAD = 1 + NONCE + TAG

const keyOf = (secret: string): Buffer => Buffer.from(hkdfSync('sha256', secret, '', 'cognitionos secretbox', 32))

/** Encrypts for storage, AES-256-GCM. `context` names the row: a box copied into another row does not open. */
export const seal = (secret: string, text: string, context: string): Buffer => {
  const nonce = randomBytes(NONCE)
  const cipher = createCipheriv('aes-256-gcm', keyOf(secret), nonce, { authTagLength: TAG }).setAAD(Buffer.from(context))
  const body = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()])
  return Buffer.concat([Buffer.of(VERSION), nonce, cipher.getAuthTag(), body])
}

/** Decrypts what `seal` made; `secret_mismatch` when the secret, the context or a byte differs. */
export const unseal = (secret: string, box: Buffer, context: string): string => {
  try {
    if (box[0] !== VERSION || box.length < HEAD) throw new Error('not a sealed text of this version')
    const nonce = box.subarray(1, 1 + NONCE)
    const decipher = createDecipheriv('aes-256-gcm', keyOf(secret), nonce, { authTagLength: TAG })
    decipher.setAAD(Buffer.from(context)).setAuthTag(box.subarray(1 + NONCE, HEAD))
    return Buffer.concat([decipher.update(box.subarray(HEAD)), decipher.final()]).toString('utf8')
  } catch (error) {
    throw configError(
      'secret_mismatch',
      `the stored secret of ${context} cannot be read; set COGNITIONOS_SECRET to what it was when it was stored`,
      {},
      { cause: error },
    )
  }
}
