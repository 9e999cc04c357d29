/**
 * Programs that read what is rendered. A test that needs one which is missing is skipped by name;
 * in CI, which installs them all, it fails.
 */
import { execFileSync } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

/**
 * Where a program is on the path; its bare name in CI where it is missing, so that starting it
 * fails.
 */
export function programPath(name: string): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(delimiter)
  const found = folders.map((folder) => join(folder, name)).find(isExecutable)
  return found ?? (process.env['CI'] ? name : undefined)
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** The standard output of a program. @throws if it fails, with what it said. */
export function outputOf(program: string, args: readonly string[]): string {
  return execFileSync(program, args, { encoding: 'utf8', stdio: 'pipe', timeout: 100_000 })
}
