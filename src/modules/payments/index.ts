export { paymentJobs } from './jobs.ts'
export { type PaymentService, paymentRoutes, paymentService } from './routes.ts'
export { sandboxGateway } from './sandbox-gateway.ts'
export { paymentUnderWay } from './store.ts'
