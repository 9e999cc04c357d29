/** Expecting errors of this library, as the conformance suite does. */
export * from '../../lib/conformance/expect.js'
