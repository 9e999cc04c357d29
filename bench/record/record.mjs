// Records the traces of bench/traces again: node bench/record/record.mjs [NAME ...]
// See README.md for what it needs. Linux with glibc; everything is made below build/bench/record.

import { closeSync, mkdirSync, openSync, readdirSync, readSync, rmSync } from 'node:fs'
import { at, ask, fail, run, say } from '../../scripts/lib.mjs'
import { convert } from './convert.mjs'
import { prepareInputs, workFolder } from './inputs.mjs'
import { workloads } from './workloads.mjs'

const LIBRARY = at('build/bench/record/record.so')
const LOGS = at('build/bench/record/logs')

async function buildRecorder() {
  const flags = [
    '-std=gnu11',
    '-O2',
    '-Wall',
    '-Wextra',
    '-Werror',
    '-fno-builtin',
    '-fPIC',
    '-shared',
  ]
  const { code, output } = await run(['cc', ...flags, at('bench/record/record.c'), '-o', LIBRARY])
  if (code !== 0) fail(`the recorder does not compile:\n${output}`)
}

/** How many operations a log has. @param {string} path */
function logged(path) {
  const fd = openSync(path, 'r')
  const head = Buffer.alloc(16)
  readSync(fd, head)
  closeSync(fd)
  return Number(head.readBigUInt64LE(8))
}

/** The longest log of that program: helpers that it starts have logs of their own. */
function longestLog(exe) {
  const logs = readdirSync(LOGS).filter((file) => file.startsWith(`log.${exe}`))
  const paths = logs.map((file) => `${LOGS}/${file}`).sort((a, b) => logged(b) - logged(a))
  return paths[0] ?? fail(`no process of ${exe} was recorded`)
}

/** @param {import('./workloads.mjs').Workload} workload */
async function record({ name, program, exe, command, env, version, limit }) {
  say(`${name}: ${command.join(' ')}`)
  rmSync(LOGS, { recursive: true, force: true })
  mkdirSync(LOGS, { recursive: true })
  const { code, output } = await run(command, {
    cwd: workFolder,
    show: 'none',
    env: {
      ...env,
      LD_PRELOAD: LIBRARY,
      OFFHEAP_RECORD: `${LOGS}/log`,
      OFFHEAP_RECORD_LIMIT: '20000000',
    },
  })
  if (code !== 0) fail(`${name} ended with ${code}:\n${output}`)
  const shown = [...Object.entries(env ?? {}).map(([key, value]) => `${key}=${value}`), ...command]
  const about = {
    program,
    version: ask(version),
    command: shown.join(' ').replaceAll(at('bench/record/'), ''),
  }
  const target = at('bench/traces', `${name}.trace.br`)
  const { ops, cut, bytes } = convert(longestLog(exe), target, { ...about, limit })
  say(`${name}: ${ops} operations${cut ? ', cut' : ''}, ${bytes} bytes`)
}

const names = process.argv.slice(2)
const unknown = names.filter((name) => !workloads.some((one) => one.name === name))
if (unknown.length > 0) fail(`there is no workload ${unknown.join(', ')}`)
mkdirSync(workFolder, { recursive: true })
await prepareInputs()
await buildRecorder()
for (const one of workloads) if (names.length === 0 || names.includes(one.name)) await record(one)
rmSync(LOGS, { recursive: true, force: true })
