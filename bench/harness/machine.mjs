// What a figure depends on beside the code: the machine, the system, the versions.

import { cpus, loadavg, release, totalmem, type } from 'node:os'
import { ask, at, readJson } from '../../scripts/lib.mjs'
import { compiler, flags } from './build.mjs'
import { mallocVersions } from './preload.mjs'

const PACKAGES = ['tinybench', 'koffi', '@thi.ng/malloc', 'node-addon-api', 'node-api-headers']

/** @param {string} name @returns {string} */
const versionOf = (name) => readJson(at('node_modules', name, 'package.json')).version

function libc() {
  const report = /** @type {any} */ (process.report)
  report.excludeNetwork = true
  const { glibcVersionRuntime } = report.getReport().header
  return glibcVersionRuntime === undefined ? 'not glibc' : `glibc ${glibcVersionRuntime}`
}

/** Called before the first round: the load is that of others. @returns {import('./types.d.ts').Machine} */
export function machine() {
  const processors = cpus()
  return {
    date: new Date().toISOString(),
    cpu: processors[0]?.model.trim() ?? 'unknown',
    cpus: processors.length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    load: loadavg()[0] ?? NaN,
    system: `${type()} ${release()} ${process.arch}`,
    libc: libc(),
    node: process.versions.node,
    v8: process.versions.v8,
    nodeOptions: process.env.NODE_OPTIONS ?? '',
    compiler: ask([compiler, '--version']),
    flags: flags.filter((flag) => !flag.startsWith('-W')).join(' '),
    packages: {
      offheap: readJson(at('package.json')).version,
      ...Object.fromEntries(PACKAGES.map((name) => [name, versionOf(name)])),
    },
    mallocs: mallocVersions(),
  }
}

/** @param {Record<string, string>} of */
const versions = (of) => Object.entries(of).map(([name, version]) => `${name} ${version}`)

/** @param {import('./types.d.ts').Machine} m @returns {string[]} */
export function machineLines(m) {
  const options = m.nodeOptions === '' ? '' : `, NODE_OPTIONS=${m.nodeOptions}`
  return [
    `${m.date}, ${m.cpus} x ${m.cpu}, ${m.memoryGiB} GiB, load before the run ${m.load.toFixed(2)}`,
    [m.system, m.libc, ...versions(m.mallocs)].join(', '),
    `Node ${m.node} (V8 ${m.v8})${options}`,
    `${m.compiler}, ${m.flags}`,
    versions(m.packages).join(', '),
  ]
}
