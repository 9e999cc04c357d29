/** The addon of test/addon, which holds allocators as somebody else's C does. */
import { execFileSync } from 'node:child_process'
import { statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'

const FOLDER = fileURLToPath(new URL('../addon/', import.meta.url))
const HEADERS = `${FOLDER}../../native/include/offheap`
const SOURCES = [`${FOLDER}holder.c`, `${FOLDER}binding.gyp`, `${HEADERS}.h`, `${HEADERS}_napi.h`]

/** Each takes a Valloc, its external or its address first. */
export interface Holder {
  isValloc(v: unknown): boolean
  /** A block filled with a byte; 0n: out of memory. */
  allocate(v: unknown, size: number | bigint, align?: number, byte?: number): bigint
  reallocate(v: unknown, address: bigint, size: number | bigint, align?: number): bigint
  allocateZeroed(v: unknown, count: number | bigint, size: number | bigint): bigint
  release(v: unknown, address: bigint): boolean
  usableSize(v: unknown, address: bigint): number
  /** Allocates in a thread that has no JavaScript. */
  allocateInThread(v: unknown, size: number): bigint
  /** Keeps an allocator by value, and allocates from that. */
  keep(v: unknown): boolean
  allocateKept(v: unknown, size: number): bigint
  /** An External that holds no allocator. */
  stranger(): unknown
}

/** Where it is, built if it is not or if its sources are newer. */
export function buildHolder(): string {
  const built = `${FOLDER}build/Release/holder.node`
  const age = (file: string): number => statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0
  if (SOURCES.some((file) => age(file) >= age(built))) {
    execFileSync(process.execPath, [`${FOLDER}build.mjs`], { stdio: 'pipe' })
  }
  return built
}

export const loadHolder = (): Holder => createRequire(import.meta.url)(buildHolder()) as Holder
