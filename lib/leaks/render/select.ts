/** Which sites are shown, and what the others come to. */
import type { Frame, LeakProfile, Site } from '../profile.js'
import type { RenderOptions } from './options.js'

/** Sums over sites that are not shown. */
export interface Rest {
  sites: number
  allocs: number
  frees: number
  totalBytes: number
  liveBlocks: number
  liveBytes: number
}

export interface Selection {
  sites: readonly Site[]
  rest: Rest
}

/**
 * The sites to show, as many as `limit` says and none smaller than `minBytes`. The rest includes
 * what was left out when the profile was written, if its totals tell of more sites than it has.
 */
export function select(profile: LeakProfile, options: Required<RenderOptions>): Selection {
  const { minBytes, limit } = options
  const sites: Site[] = []
  const rest = missing(profile)
  for (const site of profile.sites) {
    if (sites.length < limit && Math.abs(site.liveBytes) >= minBytes) sites.push(site)
    else addTo(rest, site, 1)
  }
  return { sites, rest }
}

/** Totals less all sites; nothing where the profile has them all. */
function missing({ sites, totals }: LeakProfile): Rest {
  const { allocs, frees, totalBytes, liveBlocks, liveBytes } = totals
  if (totals.sites <= sites.length)
    return { sites: 0, allocs: 0, frees: 0, totalBytes: 0, liveBlocks: 0, liveBytes: 0 }
  const rest = { sites: totals.sites, allocs, frees, totalBytes, liveBlocks, liveBytes }
  for (const site of sites) addTo(rest, site, -1)
  return rest
}

function addTo(rest: Rest, site: Site, sign: 1 | -1): void {
  rest.sites += sign
  rest.allocs += sign * site.allocs
  rest.frees += sign * site.frees
  rest.totalBytes += sign * site.totalBytes
  rest.liveBlocks += sign * site.liveBlocks
  rest.liveBytes += sign * site.liveBytes
}

/**
 * The sites to show and, where others are left out, one more that stands for them: so that sums
 * stay what they are. Its peak is its live bytes, as nobody knows more.
 */
export function selectWithRest(profile: LeakProfile, options: Required<RenderOptions>): Site[] {
  const { sites, rest } = select(profile, options)
  return rest.sites === 0 ? [...sites] : [...sites, siteOf(rest)]
}

function siteOf({ sites, ...sums }: Rest): Site {
  const name = sites === 1 ? '(1 site left out)' : `(${sites} sites left out)`
  const frame: Frame = { function: name, file: '', line: 0, column: 0 }
  const unknown = { temporary: 0, lostBytes: 0, heldBytes: 0, history: [] }
  return {
    stack: [frame],
    allocator: '',
    scopes: [],
    ...sums,
    ...unknown,
    peakBytes: sums.liveBytes,
    growth: 'unknown',
    why: 'never freed',
  }
}
