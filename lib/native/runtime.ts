/** What of the process reports tell. */

/** The command line and the number of this process. */
export function thisProcess(): { program: string; pid: number } {
  return { program: process.argv.slice(1).join(' '), pid: process.pid }
}

/** What the runtime counts, in bytes. */
export function memoryUsage(): {
  rss: number
  external: number
  arrayBuffers: number
  heap: number
  heapTotal: number
} {
  const { rss, external, arrayBuffers, heapUsed: heap, heapTotal } = process.memoryUsage()
  return { rss, external, arrayBuffers, heap, heapTotal }
}
