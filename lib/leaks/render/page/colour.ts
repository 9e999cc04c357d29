/** Colours of the flame graph. One lightness for all, so that names are legible on each. */
import type { FrameInfo, Kind, Model } from './data.js'

export type Theme = 'light' | 'dark'

/** What the canvas is painted with. */
export interface Palette {
  theme: Theme
  text: string
  faint: string
  background: string
  /** Lines around what is chosen and found. */
  outline: string
  found: string
  rest: string
  root: string
  /** For each frame, except of a difference. */
  frames: string[]
  stripe: string
}

/** Hues in degrees: the user's files are warm, packages are cool, the rest is grey. */
const HUES: Readonly<Record<Kind, readonly [from: number, to: number, chroma: number]>> = {
  user: [30, 95, 0.085],
  package: [135, 325, 0.05],
  node: [250, 250, 0.012],
  native: [235, 235, 0.03],
}

const LIGHTNESS: Readonly<Record<Theme, Readonly<Record<Kind, number>>>> = {
  light: { user: 0.85, package: 0.87, node: 0.9, native: 0.82 },
  dark: { user: 0.46, package: 0.43, node: 0.36, native: 0.41 },
}

/** A place in 0 .. 1 for a name, the same each time, and near for none. FNV-1a, then the golden ratio. */
function spread(name: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193)
  return ((hash >>> 0) * 0.618033988749895) % 1
}

export function frameColour(
  { kind, group }: Pick<FrameInfo, 'kind' | 'group'>,
  theme: Theme,
): string {
  const [from, to, chroma] = HUES[kind]
  const hue = Math.round(from + spread(group) * (to - from))
  return oklch(LIGHTNESS[theme][kind], theme === 'dark' ? chroma * 0.85 : chroma, hue)
}

/** Of a difference: red where it grew, blue where it shrank, paler the more of both there is. */
export function changeColour(net: number, weight: number, theme: Theme): string {
  const part = weight === 0 ? 0 : Math.abs(net) / weight
  const strength = Math.round(part * 8) / 8
  const base = theme === 'light' ? 0.93 : 0.34
  const reach = theme === 'light' ? -0.13 : 0.14
  return oklch(base + reach * strength, 0.13 * strength, net > 0 ? 27 : 250)
}

function oklch(lightness: number, chroma: number, hue: number): string {
  return `oklch(${lightness.toFixed(3)} ${chroma.toFixed(3)} ${hue})`
}

export function paletteOf(model: Model, theme: Theme): Palette {
  const light = theme === 'light'
  return {
    theme,
    text: light ? '#1d2125' : '#eceff2',
    faint: light ? 'rgb(29 33 37 / 0.62)' : 'rgb(236 239 242 / 0.62)',
    background: light ? '#ffffff' : '#16191d',
    outline: light ? '#14171a' : '#ffffff',
    found: light ? 'oklch(0.83 0.12 335)' : 'oklch(0.5 0.15 335)',
    rest: light ? '#eceef0' : '#262b31',
    root: light ? '#e4e7ea' : '#2f353c',
    frames: model.frames.map((frame) => frameColour(frame, theme)),
    stripe: light ? 'rgb(29 33 37 / 0.09)' : 'rgb(236 239 242 / 0.08)',
  }
}
