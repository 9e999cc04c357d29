// node bench/plot.mjs [RESULTS.json]: draws the table of traces of a run, by default that of
// results/latest.json, into docs/img/traces.svg.

import { mkdirSync, writeFileSync } from 'node:fs'
import { at, fail, readJson, say } from '../scripts/lib.mjs'
import { tracePlot } from './harness/trace-plot.mjs'

const [file = at('bench/results/latest.json')] = process.argv.slice(2)
/** @type {import('./harness/types.d.ts').Run} */
const run = readJson(file)
const traces = run.results.find(({ name }) => name === 'traces')
if (traces === undefined) fail(`${file} is of a run without the case "traces"`)
mkdirSync(at('docs/img'), { recursive: true })
writeFileSync(at('docs/img/traces.svg'), tracePlot(traces, run))
say('wrote docs/img/traces.svg')
