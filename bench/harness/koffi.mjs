// malloc and free as koffi calls them, a peer of several cases.

/** A pair of 64 bytes. */
export async function koffiFunctions() {
  const { default: koffi } = await import('koffi')
  const libc = koffi.load(null)
  const malloc = libc.func('void *malloc(size_t size)')
  const free = libc.func('void free(void *ptr)')
  function batch(n) {
    let last
    for (let i = 0; i < n; i++) {
      last = malloc(64)
      free(last)
    }
    return last
  }
  return { batch }
}
