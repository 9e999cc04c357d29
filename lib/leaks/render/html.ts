/**
 * One HTML page with everything in it: opens from a file, and asks no network for anything.
 *
 * The page's program and style are real sources in page/. scripts/build-page.mjs compiles them into
 * html-page.generated.ts, a module of two strings and their hashes, so that a renderer reads no file and a
 * bundler or minifier may do to it what it likes. The alternative, functions whose source is taken with
 * toString(), breaks as soon as one transforms them.
 *
 * What a profile says cannot become markup or program: it is JSON in a script element that no browser
 * runs, with each `<` escaped; the page shows it through textContent only; and the policy in its head
 * lets nothing run but the one program whose hash it names, nor anything be loaded or sent.
 */
import type { LeakProfile } from '../profile.js'
import { pack } from './html-data.js'
import { script, scriptHash, style, styleHash } from './html-page.generated.js'
import { type RenderOptions, withDefaults } from './options.js'
import { visible } from './page/text.js'
import { select } from './select.js'

/** Options of the format `html`. */
export interface HtmlOptions extends RenderOptions {
  /** The page's title. Default: what ran, and that it is a leak profile. */
  title?: string
}

const DEFAULTS: Required<HtmlOptions> = { minBytes: 0, limit: Infinity, title: '' }

const POLICY = [
  "default-src 'none'",
  `script-src '${scriptHash}'`,
  `style-src '${styleHash}'`,
  // The icon that keeps browsers from asking for /favicon.ico.
  'img-src data:',
  "base-uri 'none'",
  "form-action 'none'",
  "require-trusted-types-for 'script'",
].join('; ')

/**
 * The profile as one self-contained HTML page, in UTF-8: a flame graph, a table of sites, and growth over
 * time. 10^5 sites of 16 frames take a second or two, and make a page of some 20 MB. Throws RangeError where
 * the page would be longer than a string can be (512 MB).
 * @throws {OffheapError} INVALID_ARGUMENT for a wrong option.
 */
export function renderHtml(profile: LeakProfile, options: HtmlOptions = {}): string {
  const { title: given, ...choice } = withDefaults('html', options, DEFAULTS)
  const { program, since } = profile
  const kind = since === undefined ? 'leak profile' : 'change of a leak profile'
  const title = given || `${program === '' ? 'Offheap' : program}: ${kind}`
  const shown = { ...profile, sites: [...select(profile, choice).sites] }
  const json = JSON.stringify(pack(shown)).replaceAll('<', '\\u003c')
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<meta name="generator" content="offheap">
<link rel="icon" href="data:,">
<title>${escapeHtml(visible(title))}</title>
<style>${style}</style>
</head>
<body>
<noscript>This report is drawn by a script, which is off here. The text, Markdown and JSON reports need
none.</noscript>
<script type="application/json" id="profile">${json}</script>
<script>${script}</script>
</body>
</html>
`
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character]!)
}
