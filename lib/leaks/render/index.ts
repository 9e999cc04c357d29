/** The formats that a profile can be rendered in, by name. A model in, text or bytes out. */
import type { LeakProfile } from '../profile.js'
import { renderDhat } from './dhat.js'
import { renderFolded } from './folded.js'
import { renderHeapProfile } from './heapprofile.js'
import { renderJson } from './json.js'
import { renderMarkdown } from './markdown.js'
import { renderPprof } from './pprof.js'
import { renderSpeedscope } from './speedscope.js'
import { renderText } from './text.js'

/** A format: what its files are called, and how one is made. */
export interface Format {
  /** Of its files, without the first dot: viewers go by it. */
  readonly extension: string
  /** The media type, for a server's `content-type`. */
  readonly mime: string
  /** Options that the format does not have are refused with INVALID_ARGUMENT, never ignored. */
  readonly render: (profile: LeakProfile, options?: Record<string, unknown>) => string | Uint8Array
}

/** The names of the formats. */
export type FormatName = keyof typeof FORMATS

/** All formats by their names. */
export const FORMATS = {
  text: { extension: 'txt', mime: 'text/plain; charset=utf-8', render: renderText },
  markdown: { extension: 'md', mime: 'text/markdown; charset=utf-8', render: renderMarkdown },
  json: { extension: 'json', mime: 'application/json', render: renderJson },
  pprof: { extension: 'pb.gz', mime: 'application/octet-stream', render: renderPprof },
  speedscope: {
    extension: 'speedscope.json',
    mime: 'application/json',
    render: renderSpeedscope,
  },
  heapprofile: { extension: 'heapprofile', mime: 'application/json', render: renderHeapProfile },
  dhat: { extension: 'dhat.json', mime: 'application/json', render: renderDhat },
  folded: { extension: 'folded.txt', mime: 'text/plain; charset=utf-8', render: renderFolded },
} as const satisfies Readonly<Record<string, Format>>
