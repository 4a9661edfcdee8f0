import { createHmac } from 'node:crypto'

/** The same server, another database. */
export const withDatabase = (url: string, database: string): string => {
  const next = new URL(url)
  next.pathname = `/${encodeURIComponent(database)}`
  return next.href
}

/** The same database, another role. */
export const withCredentials = (url: string, user: string, password: string): string => {
  const next = new URL(url)
  next.username = encodeURIComponent(user)
  next.password = encodeURIComponent(password)
  return next.href
}

/** The restricted role's password, the same in every process that has the secret; it is stored nowhere. */
export const appPassword = (secret: string): string => createHmac('sha256', secret).update('cognitionos_app').digest('base64url')
