/** Leaks: the blocks that live, by the line that allocated them. */
import type { Pointer } from '../core/pointer.js'
import { type Block, BlockState } from './debug-block.js'
import { blocks as blocksText, bytes as bytesText } from './debug-errors.js'
import { framesAt, frameText, stackText } from './debug-sites.js'
import type { Frame } from './profile.js'

/** The blocks of one call stack that have not been freed. */
export interface DebugLeak {
  /** Innermost frame first, without the frames of this library; empty where none was taken. */
  readonly stack: readonly Frame[]
  readonly blocks: number
  /** Of all of them together. */
  readonly bytes: number
  /** How many there are of each size, the most bytes first. */
  readonly sizes: readonly { readonly size: number; readonly count: number }[]
  /** The addresses of at most 100 of them, the oldest first. */
  readonly ptrs: readonly Pointer[]
}

const MOST_PTRS = 100

/** Those that live, grouped by stack, the most bytes first. */
export function leaksAmong(blocks: Iterable<Block>, frames: number): DebugLeak[] {
  const stacks = new Map<number, { key: string; stack: Frame[] }>()
  const groups = new Map<string, { stack: Frame[]; members: Block[] }>()
  for (const block of blocks) {
    if (block.state !== BlockState.LIVE) continue
    let site = stacks.get(block.allocatedAt)
    if (site === undefined) {
      const stack = framesAt(block.allocatedAt, frames)
      site = { key: stack.map(frameText).join('\n'), stack }
      stacks.set(block.allocatedAt, site)
    }
    const group = groups.get(site.key)
    if (group === undefined) groups.set(site.key, { stack: site.stack, members: [block] })
    else group.members.push(block)
  }
  return [...groups.values()]
    .map(({ stack, members }) => leakOf(stack, members))
    .sort((a, b) => b.bytes - a.bytes || b.blocks - a.blocks)
}

function leakOf(stack: Frame[], members: readonly Block[]): DebugLeak {
  const counts = new Map<number, number>()
  for (const { size } of members) counts.set(size, (counts.get(size) ?? 0) + 1)
  const sizes = [...counts]
    .map(([size, count]) => ({ size, count }))
    .sort((a, b) => b.size * b.count - a.size * a.count || b.size - a.size)
  return {
    stack,
    blocks: members.length,
    bytes: members.reduce((sum, { size }) => sum + size, 0),
    sizes,
    ptrs: members.slice(0, MOST_PTRS).map(({ ptr }) => ptr),
  }
}

/** A leak on one line. */
export function leakText({ stack, blocks, bytes }: DebugLeak): string {
  const where = stack[0] === undefined ? '' : ` ${frameText(stack[0])}`
  return `leak bytes=${bytes} blocks=${blocks}${where}`
}

/** All of them, for a message. */
export function leaksText(name: string, leaks: readonly DebugLeak[]): string {
  const sum = { bytes: 0, blocks: 0 }
  const groups = leaks.map((leak) => {
    sum.bytes += leak.bytes
    sum.blocks += leak.blocks
    return `  ${sumText(leak)}\n${stackText(leak.stack, '    ')}`
  })
  return [`${name}: ${sumText(sum)} not freed`, ...groups].join('\n')
}

const sumText = (sum: { bytes: number; blocks: number }): string =>
  `${bytesText(sum.bytes)} in ${blocksText(sum.blocks)}`
