// The programs that are recorded, and what they do. Commands run in build/bench/record/work.

import { at } from '../../scripts/lib.mjs'

/**
 * @typedef {object} Workload
 * @property {string} name that of its trace
 * @property {string} program what it is, for readers
 * @property {string} exe how the name of the executable that is recorded begins
 * @property {string[]} command no shell
 * @property {string[]} version prints the version
 * @property {Record<string, string>} [env]
 * @property {number} [limit] cut after so many operations
 */

const script = (/** @type {string} */ name) => at('bench/record/workloads', name)

/** @type {Workload[]} */
export const workloads = [
  {
    name: 'cc1',
    program: "GCC's C compiler, compiling 56,000 lines",
    exe: 'cc1.',
    command: ['gcc', '-O1', '-DSQLITE_PRIVATE=', '-S', '-o', '/dev/null', 'part.c'],
    version: ['gcc', '--version'],
  },
  {
    name: 'cc1plus',
    program: "GCC's C++ compiler, compiling a file with templates",
    exe: 'cc1plus.',
    command: ['g++', '-std=c++17', '-O0', '-S', '-o', '/dev/null', script('stl.cc')],
    version: ['g++', '--version'],
  },
  {
    name: 'gawk',
    program: 'GNU awk, an index of words',
    exe: 'gawk.',
    command: ['gawk', '-f', script('gawk.awk'), 'sqlite3.c'],
    version: ['gawk', '--version'],
  },
  {
    name: 'git',
    program: 'Git, packing a history',
    exe: 'git.',
    command: ['git', '-C', 'repository', '-c', 'pack.threads=1', 'repack', '-a', '-d', '-f', '-q'],
    version: ['git', '--version'],
  },
  {
    name: 'jq',
    program: 'jq, grouping an array of 7,000 objects',
    exe: 'jq.',
    command: ['jq', '-f', script('jq.jq'), 'lines.json'],
    version: ['jq', '--version'],
  },
  {
    name: 'lua',
    program: 'Lua, trees of tables',
    exe: 'lua',
    command: ['lua5.4', script('lua.lua'), 'sqlite3.c'],
    version: ['lua5.4', '-v'],
  },
  {
    name: 'node',
    program: "Node.js, its and V8's C++ side, two threads and the pool",
    exe: 'node.',
    command: ['node', script('node.mjs'), 'sqlite3.c'],
    version: ['node', '--version'],
  },
  {
    name: 'perl',
    program: 'Perl, an index of words',
    exe: 'perl.',
    command: ['perl', script('perl.pl'), 'sqlite3.c'],
    version: ['perl', '-e', 'print "perl $^V"'],
  },
  {
    name: 'python',
    program: 'CPython, parsing and printing Python; every object a malloc',
    exe: 'python3',
    command: ['python3', script('python.py')],
    env: { PYTHONMALLOC: 'malloc' },
    version: ['python3', '--version'],
  },
  {
    name: 'sqlite',
    program: 'SQLite, its shell with a database in memory',
    exe: 'sqlite3.',
    command: ['sqlite3', '-init', script('sqlite.sql'), ':memory:', '.exit'],
    version: ['sqlite3', '--version'],
  },
  {
    name: 'vim',
    program: 'Vim, batch edits',
    exe: 'vim',
    command: ['vim', '-u', 'NONE', '-es', '-S', script('vim.vim'), 'part.c'],
    version: ['vim', '--version'],
  },
]
