/** The program of the report: reads the profile that is in the page, builds the page's parts, draws. */
import type { PackedProfile } from '../html-data.js'
import { Chart } from './chart.js'
import type { Theme } from './colour.js'
import { unpack } from './data.js'
import { element } from './dom.js'
import { Flame } from './flame.js'
import { header, totalsOf } from './header.js'
import { Store } from './store.js'
import { Table } from './table.js'
import { breadcrumb, legend, toolbar } from './toolbar.js'

const model = unpack(JSON.parse(document.querySelector('#profile')!.textContent!) as PackedProfile)
// What is left is the unpacked one.
document.querySelector('#profile')!.remove()
const store = new Store(model)

const dark = matchMedia('(prefers-color-scheme: dark)')
let chosenTheme: Theme | undefined
const theme = (): Theme => chosenTheme ?? (dark.matches ? 'dark' : 'light')

const themeButton = element('button', { type: 'button', id: 'theme', class: 'quiet' })
themeButton.addEventListener('click', () => {
  chosenTheme = theme() === 'dark' ? 'light' : 'dark'
  useTheme()
})

/** Zooms, and lets the browser's way back undo it. */
function zoomTo(path: readonly number[]): void {
  if (path.length === store.view.zoom.length && path.every((f, i) => f === store.view.zoom[i]))
    return
  history.pushState({ zoom: path, inverted: store.view.inverted }, '')
  store.set({ zoom: path })
}

const flame = new Flame(store, zoomTo, theme())
const chart = new Chart(store)
const table = new Table(store, (site) => {
  const stack = [...model.stacks.subarray(model.starts[site], model.starts[site + 1])]
  if (store.view.inverted) stack.reverse()
  zoomTo(stack.slice(0, stack.indexOf(model.userFrame[site]!) + 1))
  flame.element.scrollIntoView({ block: 'nearest' })
})
const legendList = element('ul', { class: 'legend' })

function useTheme(): void {
  const now = theme()
  document.documentElement.dataset['theme'] = now
  themeButton.textContent = now === 'dark' ? 'Light' : 'Dark'
  themeButton.title = `Show it ${now === 'dark' ? 'light' : 'dark'}`
  legendList.replaceChildren(...legend(model, now))
  flame.useTheme(now)
}

document.body.append(
  header(model, themeButton),
  element('div', { class: 'overview' }, totalsOf(model), chart.element),
  element(
    'section',
    { class: 'graph' },
    element('h2', { class: 'unseen' }, 'Flame graph'),
    toolbar(store),
    breadcrumb(store, zoomTo),
    flame.element,
    legendList,
  ),
  table.element,
)

history.replaceState({ zoom: [], inverted: false }, '')
addEventListener('popstate', (event) => {
  const state = event.state as { zoom: number[]; inverted: boolean } | null
  if (state !== null) store.set(state)
})
addEventListener('keydown', (event) => {
  const typing =
    event.target instanceof HTMLInputElement || event.target instanceof HTMLSelectElement
  if (event.key === '/' && !typing) {
    document.querySelector<HTMLInputElement>('#search')!.focus()
    event.preventDefault()
  } else if (event.key === 'Escape' && store.view.zoom.length > 0) {
    zoomTo(store.view.zoom.slice(0, -1))
  }
})
dark.addEventListener('change', useTheme)

// Paper is white, and does not scroll.
let themeBefore: Theme | undefined
function print(printing: boolean): void {
  if (printing) themeBefore = chosenTheme
  chosenTheme = printing ? 'light' : themeBefore
  useTheme()
  flame.forPrint(printing)
  table.forPrint(printing)
}
addEventListener('beforeprint', () => print(true))
addEventListener('afterprint', () => print(false))

useTheme()
flame.layOut()
chart.draw()
table.paint()
// Tests wait for this, and read when the first picture was ready.
requestAnimationFrame(() => {
  setTimeout(() => {
    document.documentElement.dataset['painted'] = performance.now().toFixed(1)
  })
})
