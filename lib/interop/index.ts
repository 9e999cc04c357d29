/**
 * offheap/interop: allocators for C libraries that take their own malloc, and reading what C points
 * at. Exports only; see docs/c-interop.md.
 */
export { Adapter, type AdapterStats } from './adapter.js'
export { expatAdapter } from './expat.js'
export { freetypeAdapter } from './freetype.js'
export { luaAdapter } from './lua.js'
export { type FieldValue, readCString, readStruct, type StructValue } from './memory.js'
export { nghttp2Adapter } from './nghttp2.js'
export {
  sqliteAdapter,
  type SqliteField,
  sqliteHeap,
  sqliteLookaside,
  SqliteMemory,
  sqlitePageCache,
} from './sqlite.js'
export { yyjsonAdapter } from './yyjson.js'
export { zlibAdapter, ZlibAdapter } from './zlib.js'
export { zstdAdapter } from './zstd.js'
