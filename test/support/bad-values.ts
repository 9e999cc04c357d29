/** What callers pass by mistake: the lists that the conformance suite tries. */
export * from '../../lib/conformance/bad-values.js'
