/** Paints boxes onto the canvas. Knows nothing of pointers and keys. */
import { changeColour, type Palette } from './colour.js'
import type { Matches } from './search.js'
import type { Store } from './store.js'
import { plural } from './text.js'
import type { Box } from './tree.js'

export const ROW = 20
const FONT = '11px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace'
/** Narrower boxes have no name in them. */
const LEAST_FOR_TEXT = 26
const PADDING = 5

export interface Scene {
  rows: readonly (readonly Box[])[]
  /** How far it is scrolled, in CSS pixels. */
  top: number
  width: number
  height: number
  /** Under the pointer, and chosen with the keys. */
  hovered: Box | undefined
  chosen: Box | undefined
}

/** What a box says. */
export function labelOf(store: Store, box: Box): string {
  if (box.node === undefined) return plural(box.hidden, 'more frame')
  if (box.node.frame === -1) return 'all'
  const frame = store.model.frames[box.node.frame]!
  return `${frame.async ? 'async ' : ''}${frame.name}`
}

export class Painter {
  private readonly context: CanvasRenderingContext2D
  private characterWidth = 0
  private stripes: CanvasPattern | undefined
  /** Boxes that a site which was found leads through, as far as they were painted. */
  private lit = new WeakMap<Box, boolean>()
  private litFor: Matches | undefined

  constructor(
    private readonly canvas: HTMLCanvasElement,
    private readonly store: Store,
    private palette: Palette,
  ) {
    this.context = canvas.getContext('2d', { alpha: false })!
  }

  use(palette: Palette): void {
    this.palette = palette
    this.stripes = undefined
  }

  /** O(boxes in sight). */
  paint(scene: Scene): void {
    const { canvas, context, palette } = this
    const ratio = devicePixelRatio
    const [width, height] = [Math.round(scene.width * ratio), Math.round(scene.height * ratio)]
    if (canvas.width !== width || canvas.height !== height) {
      canvas.width = width
      canvas.height = height
      canvas.style.height = `${scene.height}px`
    }
    context.setTransform(ratio, 0, 0, ratio, 0, 0)
    context.fillStyle = palette.background
    context.fillRect(0, 0, scene.width, scene.height)
    context.font = FONT
    context.textBaseline = 'middle'
    this.characterWidth = context.measureText('0000000000').width / 10
    this.stripes ??= this.makeStripes()
    if (this.litFor !== this.store.matches) this.lit = new WeakMap()
    this.litFor = this.store.matches
    const first = Math.max(0, Math.floor(scene.top / ROW))
    const last = Math.min(scene.rows.length - 1, Math.floor((scene.top + scene.height) / ROW))
    for (let row = first; row <= last; row++) {
      for (const box of scene.rows[row]!) this.paintBox(box, row * ROW - scene.top)
    }
    this.outline(scene.hovered, scene.top, 1)
    this.outline(scene.chosen, scene.top, 2)
  }

  private paintBox(box: Box, y: number): void {
    const { context, palette, store } = this
    // A gap of a pixel between neighbours, where there is room for one.
    const width = box.width > 3 ? box.width - 1 : box.width
    const frame = box.node && store.model.frames[box.node.frame]
    const searching = store.matches.query.trim() !== ''
    const found = searching && frame !== undefined && store.matches.frames[box.node!.frame] === 1
    const strength = box.row < store.zoomed.depth ? 0.5 : 1
    context.globalAlpha = !searching || found || this.leadsToFound(box) ? strength : 0.28
    context.fillStyle = found ? palette.found : this.colourOf(box)
    context.fillRect(box.x, y, width, ROW - 1)
    if (frame?.kind === 'native' && this.stripes !== undefined) {
      context.fillStyle = this.stripes
      context.fillRect(box.x, y, width, ROW - 1)
    }
    if (frame?.async === true) this.dash(box.x, y, width)
    if (width >= LEAST_FOR_TEXT) this.write(box, y, width)
    context.globalAlpha = 1
  }

  private colourOf({ node }: Box): string {
    const { palette, store } = this
    if (node === undefined) return palette.rest
    if (store.model.isDiff) return changeColour(node.net, node.weight, palette.theme)
    return node.frame === -1 ? palette.root : palette.frames[node.frame]!
  }

  private leadsToFound(box: Box): boolean {
    const known = this.lit.get(box)
    if (known !== undefined) return known
    const { sites } = this.store.matches
    const found = (box.node ?? box.parent)!.sites.some((site) => sites[site] === 1)
    this.lit.set(box, found)
    return found
  }

  /** An await: the call that is above is no longer on the stack. */
  private dash(x: number, y: number, width: number): void {
    const { context, palette } = this
    context.strokeStyle = palette.text
    context.setLineDash([3, 3])
    context.beginPath()
    context.moveTo(x, y + 0.5)
    context.lineTo(x + width, y + 0.5)
    context.stroke()
    context.setLineDash([])
  }

  private write(box: Box, y: number, width: number): void {
    const { context, palette, store } = this
    const room = width - 2 * PADDING
    // Scrolled or not, each box begins inside the picture, as zooming lays out anew.
    const label = labelOf(store, box)
    const fits = Math.floor(room / this.characterWidth)
    const middle = y + ROW / 2
    context.fillStyle = box.node === undefined ? palette.faint : palette.text
    const shown = label.length <= fits ? label : `${label.slice(0, Math.max(1, fits - 1))}…`
    // The width counts for characters that are wider than a letter.
    context.fillText(shown, box.x + PADDING, middle, room)
    const place = box.node === undefined ? '' : (store.model.frames[box.node.frame]?.place ?? '')
    const left = fits - label.length - 2
    if (place === '' || left < 8) return
    const short = place.length <= left ? place : `…${place.slice(place.length - left + 1)}`
    context.fillStyle = palette.faint
    const x = box.x + PADDING + context.measureText(`${shown}  `).width
    context.fillText(short, x, middle, Math.max(1, box.x + width - PADDING - x))
  }

  private outline(box: Box | undefined, top: number, lineWidth: number): void {
    if (box === undefined) return
    const { context, palette } = this
    context.strokeStyle = palette.outline
    context.lineWidth = lineWidth
    const inset = lineWidth / 2
    const width = Math.max(box.width - 1, 2) - lineWidth
    context.strokeRect(box.x + inset, box.row * ROW - top + inset, width, ROW - 1 - lineWidth)
    context.lineWidth = 1
  }

  private makeStripes(): CanvasPattern | undefined {
    const tile = document.createElement('canvas')
    tile.width = tile.height = 8
    const context = tile.getContext('2d')!
    context.strokeStyle = this.palette.stripe
    context.lineWidth = 2
    for (const shift of [-8, 0, 8]) {
      context.moveTo(shift - 1, 9)
      context.lineTo(shift + 9, -1)
    }
    context.stroke()
    return this.context.createPattern(tile, 'repeat') ?? undefined
  }
}
