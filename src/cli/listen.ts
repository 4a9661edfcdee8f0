import { configError } from '../platform/errors.ts'

interface Listening {
  listen(address: { host: string; port: number }): Promise<string>
}

/** Begins to serve and answers the URL. A port that is taken is told as such. */
export const listenAt = (http: Listening, host: string, port: number): Promise<string> =>
  http.listen({ host, port }).catch((error: unknown) => {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (code === 'EADDRINUSE')
      throw configError(
        'port_in_use',
        `port ${port} of ${host} is taken; stop what runs there, or choose another with PORT or --port`,
      )
    if (code === 'EACCES')
      throw configError('port_not_allowed', `this user may not serve on port ${port}; choose one from 1024 up`)
    throw error
  })
