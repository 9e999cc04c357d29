/** What the system grants a process: address space, mappings, huge pages, memory. Linux tells in files. */
import { existsSync, readFileSync } from 'node:fs'
import type { Finding } from './checks.js'

/** Linux's default; a block with guard pages takes up to three. */
const USUAL_MAPPINGS = 65_530
const GIB = 2 ** 30

/** None where the system does not tell. */
export function limits(): Finding[] {
  return [addressSpace(), mappings(), overcommit(), hugePages(), memory()].flat()
}

function read(file: string): string | undefined {
  return existsSync(file) ? readFileSync(file, 'utf8').trim() : undefined
}

function addressSpace(): Finding[] {
  const line = /^Max address space +(\S+)/m.exec(read('/proc/self/limits') ?? '')?.[1]
  if (line === undefined) return []
  const name = 'address space (ulimit -v)'
  if (line === 'unlimited') return [{ name, state: 'ok', found: 'unlimited' }]
  const found = `${inGiB(Number(line))} GiB: allocators that reserve much may be refused`
  const advice = 'ulimit -v unlimited, or a smaller reserve for SlabAllocator'
  return [{ name, state: 'limited', found, advice }]
}

function mappings(): Finding[] {
  const text = read('/proc/sys/vm/max_map_count')
  if (text === undefined) return []
  const name = 'mappings (max_map_count)'
  if (Number(text) >= USUAL_MAPPINGS) return [{ name, state: 'ok', found: text }]
  const found = `${text}: fewer blocks than usual can have guard pages`
  return [{ name, state: 'limited', found, advice: `sysctl vm.max_map_count=${USUAL_MAPPINGS}` }]
}

function overcommit(): Finding[] {
  const text = read('/proc/sys/vm/overcommit_memory')
  if (text === undefined) return []
  const name = 'overcommit'
  if (text !== '2')
    return [{ name, state: 'ok', found: 'what is reserved costs nothing until used' }]
  const found = 'is off: what is reserved counts as used'
  const advice = 'sysctl vm.overcommit_memory=0, or small reserves'
  return [{ name, state: 'limited', found, advice }]
}

function hugePages(): Finding[] {
  const text = read('/sys/kernel/mm/transparent_hugepage/enabled')
  if (text === undefined) return []
  const name = 'huge pages'
  const mode = /\[(\w+)\]/.exec(text)?.[1] ?? 'unknown'
  if (mode !== 'never') return [{ name, state: 'ok', found: mode }]
  const found = 'never: the option hugePages has no effect'
  const advice = 'echo madvise > /sys/kernel/mm/transparent_hugepage/enabled'
  return [{ name, state: 'limited', found, advice }]
}

function memory(): Finding[] {
  const text =
    read('/sys/fs/cgroup/memory.max') ?? read('/sys/fs/cgroup/memory/memory.limit_in_bytes')
  const limit = Number(text)
  const name = 'memory of the container'
  if (text === undefined || !Number.isFinite(limit) || limit > 2 ** 50) return []
  return [{ name, state: 'ok', found: `${inGiB(limit)} GiB` }]
}

const inGiB = (bytes: number): string => (bytes / GIB).toFixed(1)
