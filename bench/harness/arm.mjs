// The process of one arm in one round: node arm.mjs CASE ARM INPUT SETTINGS, the last two as JSON.
// Prints one line of JSON.

import { measure } from './measure.mjs'

const [name = '', arm = '', input = 'null', settings = ''] = process.argv.slice(2)
const { default: theCase } = await import(`../cases/${name}.mjs`)
const { setup, batch } = theCase.arms[arm]
const ready = setup ? await setup(JSON.parse(input)) : { batch }
console.log(JSON.stringify(measure(ready, JSON.parse(settings))))
