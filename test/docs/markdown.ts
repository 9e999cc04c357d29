/** What the documentation consists of: its files, code blocks, links and headings. */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = join(dirname(fileURLToPath(import.meta.url)), '../..')

export interface CodeBlock {
  language: string
  /** What stands behind the language: `no-run` and its reason. */
  note: string
  /** Line of the block's first line of code, from 1. */
  line: number
  code: string
}

export interface Page {
  /** Relative to the project. */
  path: string
  text: string
  blocks: CodeBlock[]
}

/** README.md, CHANGELOG.md and every page of docs/ and its folders. */
export function pages(): Page[] {
  const files = readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
  const docs = files
    .map((name) => name.replaceAll('\\', '/'))
    .filter((name) => name.endsWith('.md'))
  const paths = ['README.md', 'CHANGELOG.md', ...docs.sort().map((name) => `docs/${name}`)]
  return paths.map((path) => {
    const text = readFileSync(join(root, path), 'utf8')
    return { path, text, blocks: codeBlocks(text) }
  })
}

function codeBlocks(text: string): CodeBlock[] {
  const blocks: CodeBlock[] = []
  let open: CodeBlock | null = null
  for (const [index, line] of text.split('\n').entries()) {
    const fence = /^```(\w*)\s*(.*)$/.exec(line)
    if (open !== null && line === '```') {
      blocks.push(open)
      open = null
    } else if (open !== null) {
      open.code += `${line}\n`
    } else if (fence !== null) {
      open = { language: fence[1]!, note: fence[2]!, line: index + 2, code: '' }
    }
  }
  if (open !== null) throw new Error(`The code block at line ${open.line} is not closed`)
  return blocks
}

/** The text without its code, fenced or not: neither has links. */
function prose(text: string): string {
  return text.replace(/^```[\s\S]*?^```$/gm, '').replace(/`[^`\n]*`/g, '')
}

/** The targets of links that lead to other files or to headings, not out of the project. */
export function relativeLinks(text: string): string[] {
  const targets = [...prose(text).matchAll(/\]\(([^)\s]+)\)/g)].map((match) => match[1]!)
  return targets.filter((target) => !/^[a-z]+:/.test(target))
}

/** The anchors of a page's headings, as GitHub makes them. */
export function anchors(text: string): string[] {
  const headings = text.replace(/^```[\s\S]*?^```$/gm, '').matchAll(/^#+ (.+)$/gm)
  return [...headings].map((match) =>
    match[1]!
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  )
}
