import { execFile, spawnSync } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { openRedisProcess } from '../harness/redis-process.ts'
import { LIMIT, NAMES, type Server, type ServerOptions } from './limiter-servers.ts'

/** What a server of Redis asks for the time, in place of the C library's: the time and as many microseconds as a file says. */
const CLOCK = `
#include <fcntl.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
int gettimeofday(struct timeval *tv, void *zone) {
  static int file = -1;
  long long off = 0;
  struct timespec now;
  if (file < 0) file = open(getenv("CLOCK_OFF"), O_RDONLY);
  if (pread(file, &off, sizeof off, 0) != sizeof off) off = 0;
  clock_gettime(CLOCK_REALTIME, &now);
  long long us = now.tv_sec * 1000000LL + now.tv_nsec / 1000 + off;
  tv->tv_sec = us / 1000000;
  tv->tv_usec = us % 1000000;
  return 0;
}
`
const DAY_US = 86_400_000_000
/** Where the server's clock stands, and what is then let through: a window that has gone by, a bucket with two months' refill, else nothing. */
const STEPS = [
  { offDays: 0, closed: LIMIT, leased: LIMIT, open: LIMIT, local: LIMIT },
  { offDays: -20, closed: 0, leased: 0, open: 0, local: 0 },
  { offDays: 0, closed: 0, leased: 0, open: 0, local: 0 },
  { offDays: 65, closed: LIMIT, leased: LIMIT, open: LIMIT, local: 2 },
  { offDays: 0, closed: 0, leased: 0, open: 0, local: 0 },
] as const

/** Sets the clock of a real Redis back and ahead. What was not as expected, in words; undefined: there is no C compiler, or no preloading. */
export const stepServerClock = async (
  openServer: (options: ServerOptions) => Promise<Server>,
): Promise<readonly string[] | undefined> => {
  if (process.platform !== 'linux' || spawnSync('cc', ['--version']).status !== 0) return undefined
  const folder = await mkdtemp(join(tmpdir(), 'cognitionos-clock-'))
  const source = join(folder, 'clock.c')
  const library = join(folder, 'clock.so')
  const off = join(folder, 'off')
  const set = (days: number): Promise<void> => writeFile(off, BigInt64Array.of(BigInt(days * DAY_US)))
  await writeFile(source, CLOCK)
  await promisify(execFile)('cc', ['-shared', '-fPIC', '-o', library, source])
  await set(0)
  const redis = await openRedisProcess({ LD_PRELOAD: library, CLOCK_OFF: off })
  const server = await openServer({ url: redis.url, liveServers: () => 1, deadlineMs: 20_000 })
  const wrong: string[] = []
  try {
    for (const { offDays, ...expected } of STEPS) {
      await set(offDays)
      const [seconds] = await redis.admin.time()
      if (Math.abs(Number(seconds) - Date.now() / 1_000 - offDays * 86_400) > 60) wrong.push("the server's clock was not set")
      for (const limit of NAMES.filter((name) => server.turns.flat().includes(name))) {
        const asked = Array.from({ length: LIMIT + 50 }, () => server.ask([limit], 'k'))
        const admitted = (await Promise.all(asked)).filter(([told]) => told?.fits).length
        if (admitted !== expected[limit])
          wrong.push(`${offDays} days off ${limit} let ${admitted} through, not ${expected[limit]}`)
      }
    }
    return wrong
  } finally {
    await server.close()
    await redis.close()
    await rm(folder, { recursive: true, force: true })
  }
}
