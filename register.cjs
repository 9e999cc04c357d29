// What `--require offheap/register` loads: offheap/register (lib/cli/register.ts) for threads that
// `--import` does not reach, such as workers made from a text. Never ends the program that it is loaded
// into, whatever happens.

const { writeSync } = require('node:fs')
const { isInternalThread } = require('node:worker_threads')

/** The thread in which Node 22 runs loaders' hooks: it cannot load ES modules, and runs no program. */
const NOT_IN_HOOKS = 'ERR_METHOD_NOT_IMPLEMENTED'

if (!isInternalThread) {
  try {
    module.exports = require('./dist/cli/register.js')
  } catch (error) {
    if (error.code !== NOT_IN_HOOKS) {
      writeSync(2, `offheap: this program is not traced: ${error.message}\n`)
    }
  }
}
