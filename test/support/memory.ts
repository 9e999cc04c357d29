/** Memory as somebody else sees it: another foreign-function library, the kernel, the collector. */
import { readFileSync } from 'node:fs'
import { setImmediate as nextTick } from 'node:timers/promises'
import koffi from 'koffi'

export const MIB = 2 ** 20

/** Under AddressSanitizer the heap is its own, and keeps what is freed. */
export const sanitized = process.env['ASAN_OPTIONS'] !== undefined

/**
 * For a test that reads what the whole process has: V8's threads map, grow and free memory of their own at
 * any moment, in the very place that was just given back. That does not come four times in a row; a
 * fault does.
 */
export const processGauge = { retry: 3 }

/** The `size` bytes at an address as koffi reads them: nothing of this library is involved. */
export function peek(address: number, size: number): Uint8Array {
  if (size === 0) return new Uint8Array(0)
  return koffi.decode(BigInt(address), 'uint8_t', size) as Uint8Array
}

/** Writes bytes to an address, past this library. */
export function poke(address: number, bytes: Uint8Array): void {
  if (bytes.length === 0) return
  koffi.encode(BigInt(address), koffi.array('uint8_t', bytes.length, 'Typed'), bytes)
}

/** A line of /proc/self/maps. */
export interface Mapping {
  start: number
  end: number
  access: string
  name: string
}

/** The mapping that holds an address. Linux only. */
export function mappingAt(address: number): Mapping | undefined {
  return mappings().find(({ start, end }) => address >= start && address < end)
}

function mappings(): Mapping[] {
  const lines = readFileSync('/proc/self/maps', 'utf8').trimEnd().split('\n')
  return lines.map((line) => {
    const [range = '', access = '', , , , ...name] = line.split(/\s+/)
    const [start, end] = range.split('-').map((hex) => Number.parseInt(hex, 16))
    return { start: start!, end: end!, access, name: name.join(' ') }
  })
}

/** Resident memory of this process in bytes. */
export const residentBytes = (): number => process.memoryUsage.rss()

/** Bytes of addresses that are taken, touched or not. Linux only. */
export function addressSpace(): number {
  const status = readFileSync('/proc/self/status', 'utf8')
  return Number(/^VmSize:\s+(\d+) kB$/m.exec(status)![1]) * 1024
}

/** Runs the collector and lets finalizers and weak references settle. */
export async function collectGarbage(): Promise<void> {
  for (let i = 0; i < 4; i++) {
    globalThis.gc!()
    await nextTick()
  }
}
