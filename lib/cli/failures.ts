/** How the command ends, and the errors that end it. */

/** Exit codes. `leaks` ends with the app's own code where that is not 0, and with 128 + n for signal n. */
export const enum ExitCode {
  OK = 0,
  /** A leak, with --fail-on-leak; something missing that the library needs, of doctor. */
  FOUND = 1,
  /** Arguments that are wrong. */
  USAGE = 2,
  /** An input that is not there, or is no profile. */
  INPUT = 3,
  /** The result could not be written. */
  OUTPUT = 4,
}

/** Ends the command with a message for people and an exit code. */
export class CommandError extends Error {
  readonly exitCode: ExitCode

  constructor(exitCode: ExitCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.exitCode = exitCode
  }
}

const MESSAGES: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'this user may not read or write it',
  EPERM: 'this user may not read or write it',
  EISDIR: 'it is a directory',
  ENOTDIR: 'a part of its path is not a directory',
  ENOSPC: 'the disk is full',
  EDQUOT: "this user's share of the disk is full",
  EROFS: 'the file system is read-only',
  EFBIG: 'it would become larger than files may be',
}

/** What went wrong with a file, in words; of any other error its message. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const { code } = error as NodeJS.ErrnoException
  const words = code === undefined ? undefined : MESSAGES[code]
  return words === undefined ? error.message : `${words} (${code})`
}
