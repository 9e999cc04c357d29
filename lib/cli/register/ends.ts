/**
 * The ends of a thread that can be noticed: its last 'exit' listener, process.exit() after that,
 * process.abort(). The last word is asked for as late as possible, since what the app frees while it
 * ends is no leak.
 */
const setMicrotask = queueMicrotask

/** Calls `save` when the thread ends, perhaps more than once: the last call counts. */
export function onEnd(save: () => void): void {
  let saved = false
  const onExit = (): void => {
    save()
    // Listeners behind this one may free blocks yet, or end the process by throwing.
    saved = process.rawListeners('exit').at(-1) === onExit
  }
  process.on('exit', onExit)
  keepLast(onExit)

  const { reallyExit } = process as unknown as Exits
  replace('reallyExit', function (this: unknown, ...code: unknown[]) {
    if (!saved) save()
    return Reflect.apply(reallyExit, this, code)
  })
  const { abort } = process
  replace('abort', function (this: unknown) {
    save()
    return Reflect.apply(abort, this, [])
  })
}

interface Exits {
  reallyExit: (...code: unknown[]) => never
}

/** Moves a listener behind each one that is added, in time for the end unless that comes at once. */
function keepLast(onExit: () => void): void {
  let moving = false
  process.on('newListener', (event: string | symbol, listener: unknown) => {
    if (event !== 'exit' || listener === onExit) return
    const last = process.getMaxListeners()
    // One too many by ours: Node would warn.
    if (process.listenerCount('exit') === last) process.removeListener('exit', onExit)
    if (moving) return
    moving = true
    setMicrotask(() => {
      moving = false
      process.removeListener('exit', onExit)
      process.setMaxListeners(0)
      process.on('exit', onExit)
      process.setMaxListeners(last)
    })
  })
}

/** Replaces a function of `process` by one of the same name, which is as hidden as it was. */
export function replace(name: string, by: (...args: never[]) => unknown): void {
  const found = Reflect.getOwnPropertyDescriptor(process, name)
  Object.defineProperty(by, 'name', { value: name, configurable: true })
  Reflect.defineProperty(process, name, {
    value: by,
    writable: true,
    configurable: true,
    enumerable: found?.enumerable ?? false,
  })
}
