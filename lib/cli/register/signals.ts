/**
 * The signals that end a process: saves before, and ends by the same signal, as it would have. Only
 * while the app itself has no listener for the signal. Ours is taken away before the app's first one
 * is added and comes back after its last one is removed, and functions that count listeners do not see
 * it, as apps decide by such counts whether to end themselves.
 */
import type { EventEmitter } from 'node:events'
import { constants } from 'node:os'
import { replace } from './ends.js'

/** Those that end a process and are sent to be caught. Windows has its own meaning for SIGHUP. */
const ENDING: readonly NodeJS.Signals[] =
  process.platform === 'win32' ? ['SIGINT', 'SIGTERM'] : ['SIGHUP', 'SIGINT', 'SIGTERM']

type Listener = (...args: unknown[]) => void

/**
 * Calls `save` before one of these signals ends the process; `changed` is told which signals
 * have our listeners, whenever that changes. For main threads: others get no signals.
 */
export function onEndingSignal(
  save: () => void,
  changed: (armed: ReadonlySet<NodeJS.Signals>) => void,
): void {
  const armed = new Set<NodeJS.Signals>()
  const ours = new Map<string | symbol, Listener>()
  const kill = process.kill.bind(process)

  const disarm = (signal: NodeJS.Signals): void => {
    if (!armed.delete(signal)) return
    process.removeListener(signal, ours.get(signal)!)
    changed(armed)
  }
  const arm = (signal: NodeJS.Signals): void => {
    if (armed.has(signal)) return
    armed.add(signal)
    process.on(signal, ours.get(signal)!)
    changed(armed)
  }
  hide(ours)
  // That saves and disarms, see below.
  for (const signal of ENDING) ours.set(signal, () => void kill(process.pid, signal))
  // Before Node's own listener of this event, which starts listening to the signal.
  const { prependListener } = process as EventEmitter
  Reflect.apply(prependListener, process, [
    'newListener',
    (event: string | symbol, listener: unknown) => {
      if (ours.has(event) && listener !== ours.get(event)) disarm(event as NodeJS.Signals)
    },
  ])
  process.on('removeListener', (event: string | symbol, listener: unknown) => {
    if (!ours.has(event) || listener === ours.get(event)) return
    if (process.listenerCount(event) === 0) arm(event as NodeJS.Signals)
  })
  for (const signal of ENDING) if (process.listenerCount(signal) === 0) arm(signal)

  // A signal to itself takes effect before process.kill() returns. This is what that calls: it throws
  // nothing, so no stack trace shows that it was replaced.
  const { _kill } = process as unknown as Kills
  replace('_kill', function (this: unknown, target: number, number: number) {
    const signal = [...armed].find((name) => constants.signals[name] === number)
    if (target === process.pid && signal !== undefined) {
      save()
      disarm(signal)
    }
    return Reflect.apply(_kill, this, [target, number])
  })
}

interface Kills {
  /** The system's call: 0, or the number of an error. */
  _kill: (pid: number, signal: number) => number
}

/** Leaves our listeners out where the app looks at those of `process`. */
function hide(ours: ReadonlyMap<string | symbol, Listener>): void {
  const isOurs = (event: string | symbol, listener: unknown) => ours.get(event) === listener
  for (const name of ['listeners', 'rawListeners'] as const) {
    const all = process[name]
    replace(name, function (this: typeof process, event: string | symbol) {
      const found = Reflect.apply(all, this, [event]) as unknown[]
      return found.filter((listener) => !isOurs(event, listener))
    })
  }
  const count = process.listenerCount
  replace('listenerCount', function (this: typeof process, ...args: [string | symbol]) {
    const found = Reflect.apply(count, this, args) as number
    const [event] = args
    if (!ours.has(event) || found === 0 || args.length > 1) return found
    return process.rawListeners(event).length
  })
  const names = process.eventNames
  replace('eventNames', function (this: typeof process) {
    const found = Reflect.apply(names, this, []) as (string | symbol)[]
    return found.filter((event) => !ours.has(event) || process.rawListeners(event).length > 0)
  })
}
