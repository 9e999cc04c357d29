/** The allocators whose work is done in C. They are the process's: what a check allocates it frees. */
import { cAllocator, pageAllocator, rawCAllocator } from '../../lib/index.js'
import { conformance } from './run.js'

const SYSTEM = { largest: Infinity, findsDoubleFrees: true, findsInvalidFrees: 'history' } as const

conformance({ ...SYSTEM, name: 'cAllocator', make: () => cAllocator, maxAlign: 2 ** 20 })
conformance({ ...SYSTEM, name: 'rawCAllocator', make: () => rawCAllocator, maxAlign: 16 })
conformance({
  ...SYSTEM,
  name: 'pageAllocator',
  make: () => pageAllocator,
  maxAlign: 2 ** 20,
  findsInvalidFrees: true,
})
