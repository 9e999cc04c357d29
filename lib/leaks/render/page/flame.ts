/** The flame graph: where its boxes lie, what the pointer and the keys do to them. */
import { paletteOf, type Theme } from './colour.js'
import { element, oncePerFrame } from './dom.js'
import { Painter, ROW, type Scene } from './flame-paint.js'
import type { Store } from './store.js'
import { Tip, describeBox, sayBox } from './tip.js'
import { type Box, layOut, pathOf } from './tree.js'

export class Flame {
  readonly element: HTMLElement
  private readonly canvas = element('canvas', { class: 'flame-canvas' })
  private readonly space = element('div', { class: 'flame-space' })
  private readonly scroller: HTMLElement
  private readonly empty = element('p', { class: 'empty', hidden: true })
  /** What a screen reader hears of the box that is chosen. */
  private readonly said = element('p', { class: 'unseen', 'aria-live': 'polite' })
  private readonly painter: Painter
  private readonly tip = new Tip()
  private readonly scene: Scene = {
    rows: [],
    top: 0,
    width: 0,
    height: 0,
    hovered: undefined,
    chosen: undefined,
  }
  private readonly repaint = oncePerFrame(() => this.paint())
  private printing = false

  constructor(
    private readonly store: Store,
    /** Zooms, so that the browser's way back undoes it. */
    private readonly zoomTo: (path: readonly number[]) => void,
    theme: Theme,
  ) {
    this.scroller = element(
      'div',
      {
        class: 'flame-scroll',
        tabindex: 0,
        role: 'application',
        'aria-roledescription': 'flame graph',
        'aria-label':
          'Flame graph. Arrow keys choose a frame, Enter zooms to it, Escape zooms out, Home shows all.',
      },
      this.space,
    )
    this.space.append(this.canvas)
    this.element = element('div', { class: 'flame' }, this.scroller, this.empty, this.said)
    document.body.append(this.tip.element)
    this.painter = new Painter(this.canvas, store, paletteOf(store.model, theme))
    this.listen()
  }

  /** Lays it out anew and paints it, now. */
  layOut(): void {
    const { scene, store } = this
    scene.width = this.scroller.clientWidth
    scene.rows = layOut(store.tree, store.zoomed, scene.width)
    scene.hovered = scene.chosen = undefined
    this.tip.hide()
    const nothing = scene.rows.length === 0
    this.empty.hidden = !nothing
    this.scroller.hidden = nothing
    const { label } = store.view.metric
    this.empty.textContent = `Nothing to draw: ${label.toLowerCase()} are 0 at every site.`
    this.space.style.height = `${scene.rows.length * ROW}px`
    // What is below keeps its place when a zoom shows fewer rows.
    if (store.zoomed === store.tree.root) {
      this.scroller.style.minHeight = `${Math.min(300, scene.rows.length * ROW)}px`
    }
    this.paint()
  }

  useTheme(theme: Theme): void {
    this.painter.use(paletteOf(this.store.model, theme))
    this.paint()
  }

  /** On paper there is no scrolling. */
  forPrint(printing: boolean): void {
    this.printing = printing
    this.scroller.classList.toggle('printing', printing)
    this.layOut()
  }

  /** The rows as they are laid out. */
  get rows(): readonly (readonly Box[])[] {
    return this.scene.rows
  }

  private paint(): void {
    const { scene, scroller } = this
    if (scene.rows.length === 0) return
    const all = scene.rows.length * ROW
    // A canvas is some 16,000 pixels high at most.
    scene.height = Math.min(all, this.printing ? 4000 : scroller.clientHeight)
    scene.top = this.printing ? 0 : Math.min(scroller.scrollTop, all - scene.height)
    this.painter.paint(scene)
  }

  private listen(): void {
    const { scroller, store, scene } = this
    scroller.addEventListener('scroll', () => {
      scene.hovered = undefined
      this.tip.hide()
      this.repaint()
    })
    scroller.addEventListener('pointermove', (event) => this.hover(event))
    scroller.addEventListener('pointerleave', () => this.hover(undefined))
    scroller.addEventListener('click', (event) => {
      const box = this.boxAt(event)
      if (box !== undefined) this.enter(box)
    })
    scroller.addEventListener('keydown', (event) => this.key(event))
    scroller.addEventListener('blur', () => {
      scene.chosen = undefined
      this.repaint()
    })
    store.onChange((changed) => {
      if (changed.has('metric') || changed.has('inverted') || changed.has('zoom')) {
        this.layOut()
        const top = store.zoomed.depth * ROW
        scroller.scrollTop = top > scroller.clientHeight / 2 ? top - 3 * ROW : 0
        this.repaint()
      } else if (changed.has('query')) this.repaint()
    })
    new ResizeObserver(() => {
      if (scroller.clientWidth !== scene.width && !scroller.hidden) this.layOut()
      else this.repaint()
    }).observe(scroller)
  }

  private boxAt(event: MouseEvent): Box | undefined {
    const area = this.scroller.getBoundingClientRect()
    const x = event.clientX - area.left - this.scroller.clientLeft
    const y = event.clientY - area.top - this.scroller.clientTop
    const row = this.scene.rows[Math.floor((y + this.scene.top) / ROW)]
    return row?.find((box) => x >= box.x && x < box.x + box.width)
  }

  private hover(event: PointerEvent | undefined): void {
    const box = event && this.boxAt(event)
    if (box === undefined || event === undefined) this.tip.hide()
    else this.tip.show(describeBox(this.store, box), event.clientX, event.clientY)
    if (box === this.scene.hovered) return
    this.scene.hovered = box
    this.scroller.classList.toggle('over', box !== undefined)
    this.repaint()
  }

  /** Zooms to a box; to the frames that are too narrow: to the one above them. */
  private enter(box: Box): void {
    const node = (box.node ?? box.parent)!
    if (node !== this.store.zoomed) this.zoomTo(pathOf(node))
  }

  private key(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return
    const { chosen } = this.scene
    if (event.key === 'Enter' || event.key === ' ') {
      if (chosen !== undefined) {
        this.enter(chosen)
        this.choose(this.first)
      }
    } else if (event.key === 'Home') this.zoomTo([])
    else if (event.key in STEPS) this.choose(this.next(event.key))
    else return
    event.preventDefault()
  }

  /** The box of the frame that is zoomed to. */
  private get first(): Box | undefined {
    return this.scene.rows[this.store.zoomed.depth]?.[0]
  }

  /** The box that an arrow key leads to. */
  private next(key: string): Box | undefined {
    const { chosen, rows } = this.scene
    if (chosen === undefined) return this.first
    if (key === 'ArrowUp') {
      return rows[chosen.row - 1]?.find((box) => box.node === chosen.parent) ?? chosen
    }
    if (key === 'ArrowDown') {
      const below = rows[chosen.row + 1] ?? []
      return below.find((box) => box.parent === chosen.node && chosen.node !== undefined) ?? chosen
    }
    const row = rows[chosen.row]!
    return row[row.indexOf(chosen) + STEPS[key]!] ?? chosen
  }

  private choose(box: Box | undefined): void {
    if (box === undefined) return
    const { scroller, scene } = this
    scene.chosen = box
    const top = box.row * ROW
    if (top < scroller.scrollTop) scroller.scrollTop = top
    const below = top + ROW - scroller.clientHeight
    if (below > scroller.scrollTop) scroller.scrollTop = below
    this.said.textContent = sayBox(this.store, box)
    this.repaint()
  }
}

const STEPS: Readonly<Record<string, number>> = {
  ArrowUp: 0,
  ArrowDown: 0,
  ArrowLeft: -1,
  ArrowRight: 1,
}
