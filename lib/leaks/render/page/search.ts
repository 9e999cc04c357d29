/** Which frames and which sites a query finds. No DOM. */
import type { Model } from './data.js'

export interface Matches {
  /** As it was typed. '' finds nothing and hides nothing. */
  query: string
  /** 1: the frame's name or place has the query in it. */
  frames: Uint8Array
  /** 1: one of its frames does, or its allocator's name or scopes. Of an empty query all are 1. */
  sites: Uint8Array
}

/** Upper and lower case are alike. O(frames + all stacks). */
export function search(model: Model, query: string): Matches {
  const frames = new Uint8Array(model.frames.length)
  const sites = new Uint8Array(model.count)
  const text = query.trim().toLowerCase()
  if (text === '') return { query, frames, sites: sites.fill(1) }
  model.frames.forEach((frame, i) => {
    if (frame.text.includes(text)) frames[i] = 1
  })
  const labels = new Map<string, boolean>()
  const finds = (label: string): boolean => {
    let found = labels.get(label)
    if (found === undefined) labels.set(label, (found = label.toLowerCase().includes(text)))
    return found
  }
  for (let site = 0; site < model.count; site++) {
    const end = model.starts[site + 1]!
    let found = finds(model.allocators[site]!) || finds(model.scopes[site]!)
    for (let i = model.starts[site]!; i < end && !found; i++) found = frames[model.stacks[i]!] === 1
    if (found) sites[site] = 1
  }
  return { query, frames, sites }
}
