#!/usr/bin/env node
/** The command `offheap`: its arguments, and how it ends. See docs/leaks/command.md. */
import { readFileSync } from 'node:fs'
import { Command, CommanderError, Option } from 'commander'
import { CommandError, ExitCode, reasonOf } from './failures.js'
import { INPUT } from './input.js'
import * as values from './options.js'
import { DEFAULTS } from './settings.js'
import { note } from './terminal.js'

const EXIT_CODES = `
Exit codes:
  0  done
  1  leaks --fail-on-leak: a leak; doctor: something is missing that the library needs
  2  wrong arguments
  3  an input that is not there, or is damaged
  4  the result could not be written
  leaks ends with the app's own code, or 128 + n if signal n ended it, unless that is 0`

const LEAKS_EXAMPLES = `
Options stand before the app; what follows it is the app's.

Examples:
  offheap leaks server.js --port 8080
  offheap leaks --out leaks.html server.js
  offheap leaks --sample 512KiB --every 30s server.js
  offheap leaks --fail-on-leak --min-bytes 64KiB test.js
  offheap leaks --node=--max-old-space-size=4096 server.js
${EXIT_CODES}`

/** Commands are loaded when they are run: a report needs no allocators. */

/** Adds the options that say how a report looks and where it goes. */
function withReport(command: Command): Command {
  const formats = new Option('-f, --format <format>', 'how the report is written')
  return command
    .addOption(formats.choices(values.FORMAT_NAMES).default(undefined, 'by --out, else text'))
    .option('-o, --out <file>', 'where it goes; - is standard output')
    .option('--min-bytes <size>', 'leave out sites with fewer live bytes', values.bytes)
    .option('--limit <count>', 'show at most so many sites', values.count)
    .option('--no-color', 'no colours (also NO_COLOR; FORCE_COLOR for them)')
}

const collect = (value: string, before: string[]): string[] => [...before, value]

function build(finish: (code: number) => void): Command {
  const program = new Command('offheap')
    .description('Finds what holds memory outside the garbage-collected heap, line by line.')
    .version(version(), '-v, --version')
    .enablePositionalOptions()
    .showSuggestionAfterError()
    .showHelpAfterError('(offheap --help, offheap <command> --help)')
    .addHelpText('after', EXIT_CODES)
    .exitOverride()

  withReport(
    program
      .command('leaks')
      .summary('run an app and report what it has not freed')
      .description(
        'Runs an app with every allocator traced, and reports at its end what it has not freed: ' +
          'the lines that allocated it, largest first. The app and how it ends stay as they are.',
      )
      .argument('<app>', 'the file to run, as node takes it')
      .argument('[args...]', 'its arguments')
      .passThroughOptions(),
  )
    .option(
      '--sample <size>',
      'record one block every so many bytes; default: all',
      values.someBytes,
    )
    .option(
      '--frames <count>',
      `frames of a stack to keep (default: ${DEFAULTS.frames})`,
      values.frames,
    )
    .option(
      '--every <time>',
      'time between snapshots (default: 1s, 2s, 4s ... 30s)',
      values.milliseconds,
    )
    .option('--signal <name>', 'take a snapshot when this signal comes', values.signal)
    .option('--include-regions', 'trace regions too')
    .option('--fail-on-leak', 'exit code 1 if a site has live bytes at the end')
    .addOption(
      new Option('--node <flag>', 'a flag for node, may be repeated: --node=--expose-gc')
        .argParser(collect)
        .default([], 'none'),
    )
    .addHelpText('after', LEAKS_EXAMPLES)
    .action(async (app, args, options) => {
      const { leaks } = await import('./commands/leaks.js')
      finish(await leaks(app, args, options))
    })

  withReport(
    program
      .command('report')
      .summary('show a stored profile, in any format')
      .description('Shows a stored profile, in any format.')
      .argument('<file>', INPUT),
  )
    .addHelpText('after', EXIT_CODES)
    .action(async (file, options) => {
      const { report } = await import('./commands/report.js')
      await report(file, options)
    })

  withReport(
    program
      .command('diff')
      .summary('show what has changed between two profiles')
      .description('Shows what has changed from one profile to a later one.')
      .argument('<before>', INPUT)
      .argument('<after>', INPUT),
  )
    .addHelpText('after', EXIT_CODES)
    .action(async (before, after, options) => {
      const { diff } = await import('./commands/diff.js')
      await diff(before, after, options)
    })

  program
    .command('top')
    .summary('watch the largest sites of a running process')
    .description(
      'Shows the largest sites of a process that is traced, anew each second; q quits. ' +
        'Where standard output is no terminal: one table.',
    )
    .argument(
      '<pid-or-file>',
      `a process started by offheap leaks or with --import offheap/register, or ${INPUT}`,
    )
    .option('--limit <count>', 'show at most so many sites', values.count)
    .option('--no-color', 'no colours (also NO_COLOR; FORCE_COLOR for them)')
    .addHelpText('after', EXIT_CODES)
    .action(async (target, options) => {
      const { top } = await import('./commands/top.js')
      await top(target, options)
    })

  program
    .command('doctor')
    .summary('what this machine and runtime can do')
    .description(
      'Says what this machine and runtime can do, and what to do about what they cannot.',
    )
    .option('--json', 'as JSON')
    .option('--no-color', 'no colours (also NO_COLOR; FORCE_COLOR for them)')
    .addHelpText('after', EXIT_CODES)
    .action(async (options) => {
      const { doctor } = await import('./commands/doctor.js')
      finish(doctor(options))
    })
  return program
}

function version(): string {
  const manifest = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  return (JSON.parse(manifest) as { version: string }).version
}

/** Runs the command that the arguments name. Returns its exit code. */
async function main(): Promise<number> {
  let code: number = ExitCode.OK
  try {
    await build((ended) => (code = ended)).parseAsync()
    return code
  } catch (error) {
    // Commander has said what is wrong already; help and the version are no errors.
    if (error instanceof CommanderError) return error.exitCode === 0 ? ExitCode.OK : ExitCode.USAGE
    if (error instanceof CommandError) {
      note(error.message)
      return error.exitCode
    }
    // Of the system: a directory that cannot be made, say. Anything else is a mistake of ours.
    const { path } = error as NodeJS.ErrnoException
    if (path === undefined) throw error
    note(`${path}: ${reasonOf(error)}`)
    return ExitCode.OUTPUT
  }
}

process.exitCode = await main()
