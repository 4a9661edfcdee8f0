/** What the bench and a test use of Express, which brings no types along. */
declare module 'express' {
  import type { IncomingMessage, Server, ServerResponse } from 'node:http'

  function express(): express.Application
  namespace express {
    interface Request extends IncomingMessage {
      readonly ip?: string
      readonly params: Readonly<Record<string, string>>
      readonly body: { readonly model: string; readonly messages: readonly unknown[] }
    }
    interface Response extends ServerResponse {
      json(body: unknown): void
    }
    type NextFunction = (error?: unknown) => void
    type RequestHandler = (request: Request, response: Response, next: NextFunction) => unknown
    function json(): RequestHandler
    interface Application {
      use(handler: RequestHandler): void
      get(path: string, handler: RequestHandler): void
      post(path: string, handler: RequestHandler): void
      listen(port: number, host: string): Server
    }
  }
  export = express
}
