/** The profile itself, as `parseProfile` reads it. */
import type { LeakProfile } from '../profile.js'
import { renderJson as wholeJson } from '../profile-json.js'
import { type RenderOptions, withDefaults } from './options.js'
import { select } from './select.js'

/** Options of the format `json`. */
export interface JsonOptions extends RenderOptions {
  /** Over many lines, indented by two. Default: one line. */
  pretty?: boolean
}

const DEFAULTS: Required<JsonOptions> = { minBytes: 0, limit: Infinity, pretty: false }

/**
 * The profile as JSON, with the sites that the options leave. The totals are those of all sites,
 * and `totals.sites` is their number, so that a reader sees that some are missing.
 * @throws {OffheapError} INVALID_ARGUMENT for a wrong option; if the text were longer than a
 * string can be.
 */
export function renderJson(profile: LeakProfile, options: JsonOptions = {}): string {
  const { pretty, ...choice } = withDefaults('json', options, DEFAULTS)
  return wholeJson({ ...profile, sites: [...select(profile, choice).sites] }, { pretty })
}
