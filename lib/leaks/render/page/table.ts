/**
 * The table of sites. Only the rows in sight are in the document, between two rows of the height of those
 * that are not, so that 10^5 sites scroll as ten do.
 */
import { type Column, columnsOf, siteWords, sortSites } from './columns.js'
import { detailOf } from './detail.js'
import { element, oncePerFrame } from './dom.js'
import type { Store } from './store.js'
import { formatBytes, plural } from './text.js'

/** As in the style. */
const ROW_HEIGHT = 26
/** Rows above and below the window, so that a quick scroll shows no gap. */
const SPARE = 12
const ON_PAPER = 100

export class Table {
  readonly element: HTMLElement
  private readonly columns: Column[]
  private readonly scroller = element('div', { class: 'table-scroll' })
  private readonly body = element('tbody')
  private readonly table: HTMLTableElement
  private readonly heads: HTMLTableCellElement[] = []
  private readonly count = element('p', { class: 'table-count', 'aria-live': 'polite' })
  private readonly empty = element('p', { class: 'empty', hidden: true })
  private readonly repaint = oncePerFrame(() => this.paint())
  private order: Int32Array = new Int32Array(0)
  private sortedBy: Column
  private descending = true
  private printing = false
  /** Which rows are in the document, and how high the open one's detail is. */
  private painted = ''
  private detailHeight = 0

  constructor(
    private readonly store: Store,
    private readonly showInGraph: (site: number) => void,
  ) {
    this.columns = columnsOf(store.model)
    this.sortedBy = this.columns.find(({ key }) => key === 'liveBytes')!
    const widths = this.columns.map(({ width }, i) => {
      const column = element('col')
      if (i > 0) column.style.width = `${width}px`
      return column
    })
    const head = element('thead', {}, element('tr', {}, ...this.columns.map((c) => this.head(c))))
    this.table = element(
      'table',
      { 'aria-label': 'Sites' },
      element('colgroup', {}, ...widths),
      head,
      this.body,
    )
    this.table.style.minWidth = `${this.columns.reduce((sum, { width }) => sum + width, 0)}px`
    this.scroller.append(this.table)
    this.element = element(
      'section',
      { class: 'sites' },
      element('div', { class: 'section-head' }, element('h2', {}, 'Sites'), this.count),
      this.scroller,
      this.empty,
    )
    this.listen()
    this.sort()
  }

  /** Paints the rows in sight. */
  paint(): void {
    const { order, scroller, store } = this
    const openAt = store.view.open === -1 ? -1 : order.indexOf(store.view.open)
    const [first, end] = this.inSight(openAt)
    const state = `${first} ${end} ${openAt} ${store.view.open}`
    if (state === this.painted) return
    this.painted = state
    const focused = this.focusedSite()
    const rows: HTMLTableRowElement[] = [
      space(first, openAt !== -1 && openAt < first, this.detailHeight),
    ]
    for (let i = first; i < end; i++) {
      rows.push(this.row(order[i]!, i))
      if (i === openAt) rows.push(this.detailRow(order[i]!))
    }
    rows.push(space(order.length - end, openAt >= end, this.detailHeight))
    this.body.replaceChildren(...rows)
    if (focused !== -1) this.rowOf(focused)?.focus({ preventScroll: true })
    const detail = this.body.querySelector<HTMLElement>('.detail-row')
    // It stays in sight when the table is scrolled sideways.
    const inner = detail?.querySelector<HTMLElement>('.detail')
    if (inner) inner.style.width = `${scroller.clientWidth - 24}px`
    if (detail) this.detailHeight = detail.offsetHeight
  }

  forPrint(printing: boolean): void {
    this.printing = printing
    this.paint()
  }

  private listen(): void {
    const { scroller, store } = this
    scroller.addEventListener('scroll', this.repaint)
    new ResizeObserver(() => {
      this.painted = ''
      this.repaint()
    }).observe(scroller)
    this.body.addEventListener('click', (event) => {
      const row = (event.target as Element).closest<HTMLElement>('tr[data-site]')
      if (row === null || getSelection()?.isCollapsed === false) return
      this.toggle(Number(row.dataset['site']))
    })
    this.body.addEventListener('keydown', (event) => this.key(event))
    store.onChange((changed) => {
      if (changed.has('query') || changed.has('zoom') || changed.has('inverted')) {
        scroller.scrollTop = 0
        this.sort()
      } else if (changed.has('open')) this.repaint()
    })
  }

  private head(column: Column): HTMLTableCellElement {
    const button = element('button', { type: 'button' }, column.label)
    button.addEventListener('click', () => {
      const largestFirst = column.numeric || column.key === 'growth'
      this.descending = this.sortedBy === column ? !this.descending : largestFirst
      this.sortedBy = column
      this.scroller.scrollTop = 0
      this.sort()
    })
    const head = element(
      'th',
      {
        scope: 'col',
        class: column.numeric ? 'number' : '',
        title: column.about,
        'data-key': column.key,
      },
      button,
    )
    this.heads.push(head)
    return head
  }

  private sort(): void {
    const { columns, heads, model, sortedBy, store } = this
    columns.forEach((column, i) => {
      const way = this.descending ? 'descending' : 'ascending'
      heads[i]!.setAttribute('aria-sort', column === sortedBy ? way : 'none')
    })
    this.order = sortSites(store.shown, sortedBy, this.descending)
    this.table.setAttribute('aria-rowcount', String(this.order.length + 1))
    const all = plural(model.count, 'site')
    const live = store.sumOfShown(model.figures.liveBytes)
    this.count.textContent =
      this.order.length === model.count
        ? all
        : `${plural(this.order.length, 'site')} of ${all}, ${formatBytes(live, model.isDiff)} live`
    const nothing = this.order.length === 0
    this.scroller.hidden = nothing
    this.empty.hidden = !nothing
    this.empty.textContent =
      model.count === 0
        ? 'Nothing was allocated while tracing was on.'
        : 'No site has that in its stack.'
    this.painted = ''
    this.repaint()
  }

  private get model() {
    return this.store.model
  }

  /** Which places of the order are in sight, with some to spare. */
  private inSight(openAt: number): [first: number, end: number] {
    const { order, scroller } = this
    if (this.printing) return [0, Math.min(order.length, ON_PAPER)]
    const above = Math.floor(scroller.scrollTop / ROW_HEIGHT)
    const opened = openAt === -1 ? 0 : Math.ceil(this.detailHeight / ROW_HEIGHT)
    const count = Math.ceil((scroller.clientHeight || innerHeight) / ROW_HEIGHT)
    const first = Math.max(0, above - SPARE - (openAt < above ? opened : 0))
    return [first, Math.min(order.length, above + count + SPARE)]
  }

  private row(site: number, place: number): HTMLTableRowElement {
    const open = site === this.store.view.open
    const row = element('tr', {
      'data-site': site,
      'aria-rowindex': place + 2,
      'aria-expanded': open ? 'true' : 'false',
      tabindex: place === 0 || open ? 0 : -1,
      class: open ? 'open' : '',
    })
    this.columns.forEach((column, i) => {
      const kind = `${column.numeric ? 'number' : ''} column-${column.key}`
      const cell = i === 0 ? element('th', { scope: 'row' }) : element('td')
      cell.className = kind
      column.fill(cell, site)
      row.append(cell)
    })
    return row
  }

  private detailRow(site: number): HTMLTableRowElement {
    const content = detailOf(this.model, site, () => this.showInGraph(site))
    const cell = element('td', { colspan: this.columns.length }, content)
    const { place, name } = siteWords(this.model, site)
    return element('tr', { class: 'detail-row', 'aria-label': `${place} ${name}` }, cell)
  }

  private toggle(site: number): void {
    this.store.set({ open: this.store.view.open === site ? -1 : site })
  }

  private rowOf(site: number): HTMLElement | null {
    return this.body.querySelector<HTMLElement>(`tr[data-site="${site}"]`)
  }

  private focusedSite(): number {
    const row = document.activeElement?.closest<HTMLElement>('tr[data-site]')
    return row && this.body.contains(row) ? Number(row.dataset['site']) : -1
  }

  private key(event: KeyboardEvent): void {
    const site = this.focusedSite()
    if (site === -1 || event.target instanceof HTMLButtonElement) return
    const at = this.order.indexOf(site)
    if (event.key === 'Enter' || event.key === ' ') this.toggle(site)
    else if (event.key === 'ArrowDown') this.focus(at + 1)
    else if (event.key === 'ArrowUp') this.focus(at - 1)
    else if (event.key === 'Home') this.focus(0)
    else if (event.key === 'End') this.focus(this.order.length - 1)
    else return
    event.preventDefault()
  }

  /** Moves the focus to a row, which scrolls into sight. */
  private focus(at: number): void {
    const site = this.order[at]
    if (site === undefined) return
    const { scroller, detailHeight, store } = this
    const openAt = this.order.indexOf(store.view.open)
    const top = at * ROW_HEIGHT + (openAt !== -1 && openAt < at ? detailHeight : 0)
    const room = scroller.clientHeight - 2 * ROW_HEIGHT
    if (top < scroller.scrollTop) scroller.scrollTop = top
    else if (top > scroller.scrollTop + room) scroller.scrollTop = top - room
    this.paint()
    this.rowOf(site)?.focus({ preventScroll: true })
  }
}

/** Stands for rows that are not in the document. */
function space(rows: number, withDetail: boolean, detailHeight: number): HTMLTableRowElement {
  const row = element('tr', { class: 'space', 'aria-hidden': 'true' }, element('td'))
  row.style.height = `${rows * ROW_HEIGHT + (withDetail ? detailHeight : 0)}px`
  return row
}
