/** Shows what a program wrote to a terminal: xterm.js in a window, in Chromium. */
import type { Browser } from 'puppeteer-core'
import { fileOf, openLight, take } from './camera.js'

/** A window around the terminal, and nothing else on the page. */
const WINDOW = `
  body { margin: 0; background: #fff }
  #window { display: inline-block; border: 1px solid #d0d7de; border-radius: 8px; overflow: hidden }
  #bar { height: 28px; background: #f0f2f5; border-bottom: 1px solid #d0d7de; display: flex;
    align-items: center; padding-left: 12px; gap: 8px }
  #bar i { width: 11px; height: 11px; border-radius: 50% }
  #terminal { padding: 10px 14px }
  .xterm .xterm-viewport { overflow: hidden }
  .xterm .xterm-scrollable-element > .scrollbar { display: none }
`

/** The colours of a light terminal. */
const THEME = {
  background: '#ffffff',
  foreground: '#24292f',
  black: '#24292f',
  red: '#cf222e',
  green: '#116329',
  yellow: '#bf8700',
  blue: '#0969da',
  magenta: '#8250df',
  cyan: '#1b7c83',
  white: '#6e7781',
  brightBlack: '#57606a',
}

const TITLE_BAR = ['#ff5f57', '#febc2e', '#28c840']
  .map((color) => `<i style="background: ${color}"></i>`)
  .join('')

/** The most lines that are shown of what has scrolled by. */
const LONGEST = 200

/** How a command stands behind its prompt. */
export const typed = (command: string): string =>
  `\u001B[32m$\u001B[0m \u001B[1m${command}\u001B[0m\r\n`

/** Takes a picture of a terminal that has received this text, cut below its last line. */
export async function takeTerminal(
  browser: Browser,
  name: string,
  text: string,
  [columns, rows = LONGEST]: readonly [number, number?],
): Promise<void> {
  const page = await openLight(browser, 'about:blank', [1200, 1000])
  await page.setContent(
    `<!doctype html><style>${fileOf('@xterm/xterm/css/xterm.css')}${WINDOW}</style>
    <div id="window"><div id="bar">${TITLE_BAR}</div><div id="terminal"></div></div>`,
  )
  await page.addScriptTag({ content: fileOf('@xterm/xterm') })
  const options = {
    cols: columns,
    rows,
    theme: THEME,
    fontFamily: 'DejaVu Sans Mono, monospace',
    fontSize: 13,
    lineHeight: 1.15,
    scrollback: 0,
  }
  // The cursor hidden, and in a line that stays when those below the text are cut.
  const shown = `${text}\u001B[?25l\u001B[H`
  await page.evaluate(`new Promise((done) => {
    const terminal = new Terminal(${JSON.stringify(options)})
    terminal.open(document.getElementById('terminal'))
    terminal.write(${JSON.stringify(shown)}, () => {
      const lines = terminal.buffer.active
      let used = ${rows}
      while (used > 1 && lines.getLine(used - 1).translateToString(true) === '') used -= 1
      terminal.resize(${columns}, used)
      requestAnimationFrame(() => requestAnimationFrame(done))
    })
  })`)
  await take(name, page, '#window')
}
