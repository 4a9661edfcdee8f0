export type Settings = Readonly<Record<string, string | number | boolean>>

/** Durable first, sized for a small machine with two cores. A caller's `config` overrides these. */
const DEFAULTS: Settings = {
  fsync: true,
  synchronous_commit: true,
  full_page_writes: true,
  max_connections: 200,
  shared_buffers: '256MB',
  effective_cache_size: '1GB',
  work_mem: '8MB',
  maintenance_work_mem: '128MB',
  // The binaries are built without lz4 and zstd.
  wal_compression: 'pglz',
  max_wal_size: '2GB',
  min_wal_size: '256MB',
  checkpoint_timeout: '15min',
  random_page_cost: 1.1,
  jit: false,
  // The cores belong to many short transactions; and a container's /dev/shm is often too small for parallel plans.
  max_parallel_workers_per_gather: 0,
  // A migration touches every partition of every place in one transaction.
  max_locks_per_transaction: 256,
  timezone: 'UTC',
  log_timezone: 'UTC',
  log_checkpoints: false,
  log_line_prefix: '%m [%p] %q%u@%d ',
  lc_messages: 'C',
}

/** Command-line settings: they win over ALTER SYSTEM, so nobody can open the server to the network from inside it. */
export function serverArguments(port: number, config: Settings): string[] {
  const fixed: Settings = {
    port,
    listen_addresses: '127.0.0.1',
    // No socket: its path may not exceed 107 bytes, which a data folder's may.
    unix_socket_directories: '',
    logging_collector: false,
    log_destination: 'stderr',
  }
  return Object.entries({ ...DEFAULTS, ...config, ...fixed }).flatMap(([name, value]) => ['-c', `${name}=${written(value)}`])
}

const written = (value: string | number | boolean): string =>
  typeof value === 'boolean' ? (value ? 'on' : 'off') : String(value)
