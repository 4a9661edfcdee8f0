export { rateLimitRoutes } from './routes.ts'
export { type LimitService, limitService } from './service.ts'
