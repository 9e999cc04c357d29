/** FreeType over a slab heap: a font is opened and a letter drawn; the font is written here. */
import koffi from 'koffi'
import { BumpAllocator, Layout, SlabAllocator } from '../../lib/index.js'
import { freetypeAdapter, readCString, readStruct } from '../../lib/interop/index.js'
import { expect, it } from 'vitest'
import { describeLibrary } from './library.js'

const RENDER = 4
const OUT_OF_MEMORY = 64

/** A letter of 8 by 8 dots, as BDF, a font format that is text. */
const GLYPH = ['18', '3C', '66', '66', '7E', '66', '66', '00']

function font(letters: number): Buffer {
  const glyphs = Array.from({ length: letters }, (_, i) =>
    [
      ...[`STARTCHAR c${i}`, `ENCODING ${65 + i}`, 'SWIDTH 500 0', 'DWIDTH 8 0', 'BBX 8 8 0 0'],
      ...['BITMAP', ...GLYPH, 'ENDCHAR'],
    ].join('\n'),
  )
  const head = [
    ...['STARTFONT 2.1', 'FONT -x-Offheap-Medium-R-Normal--8-80-75-75-C-80-ISO10646-1'],
    ...['SIZE 8 75 75', 'FONTBOUNDINGBOX 8 8 0 0', 'STARTPROPERTIES 3', 'FAMILY_NAME "Offheap"'],
    ...['FONT_ASCENT 8', 'FONT_DESCENT 0', 'ENDPROPERTIES', `CHARS ${letters}`],
  ]
  return Buffer.from([...head, ...glyphs, 'ENDFONT', ''].join('\n'))
}

/** The start of an FT_FaceRec, up to its glyph slot. */
const long = koffi.sizeof('long') === 8 ? Layout.i64 : Layout.i32
const generic = Layout.struct({ data: Layout.ptr, finalizer: Layout.ptr })
const faceLayout = Layout.struct({
  ...{ num_faces: long, face_index: long, face_flags: long, style_flags: long, num_glyphs: long },
  ...{ family_name: Layout.ptr, style_name: Layout.ptr },
  ...{ num_fixed_sizes: Layout.i32, available_sizes: Layout.ptr },
  ...{ num_charmaps: Layout.i32, charmaps: Layout.ptr, generic, bbox: Layout.array(long, 4) },
  ...{ units_per_EM: Layout.u16, ascender: Layout.i16, descender: Layout.i16 },
  ...{ height: Layout.i16, max_advance_width: Layout.i16, max_advance_height: Layout.i16 },
  ...{ underline_position: Layout.i16, underline_thickness: Layout.i16, glyph: Layout.ptr },
})
/** The start of an FT_GlyphSlotRec, up to its bitmap. */
const bitmap = Layout.struct({
  ...{ rows: Layout.u32, width: Layout.u32, pitch: Layout.i32, buffer: Layout.ptr },
  ...{ num_grays: Layout.u16, pixel_mode: Layout.u8 },
  ...{ palette_mode: Layout.u8, palette: Layout.ptr },
})
const slotLayout = Layout.struct({
  ...{ library: Layout.ptr, face: Layout.ptr, next: Layout.ptr, glyph_index: Layout.u32, generic },
  ...{ metrics: Layout.array(long, 8), linearHoriAdvance: long, linearVertAdvance: long },
  ...{ advance: Layout.array(long, 2), format: Layout.u32, bitmap },
})

describeLibrary('libfreetype.so.6', 'libfreetype6', (freetype) => {
  const newLibrary = freetype.func('int FT_New_Library(void *memory, _Out_ void **)')
  const addModules = freetype.func('void FT_Add_Default_Modules(void *)')
  const doneLibrary = freetype.func('int FT_Done_Library(void *)')
  const newFace = freetype.func(
    'int FT_New_Memory_Face(void *, void *bytes, long size, long index, _Out_ void **)',
  )
  const selectSize = freetype.func('int FT_Select_Size(void *, int)')
  const loadChar = freetype.func('int FT_Load_Char(void *, unsigned long code, int32_t flags)')

  const made = (call: (...args: never[]) => unknown, ...args: unknown[]): bigint => {
    const out = [null]
    expect(call(...([...args, out] as never[]))).toBe(0)
    return out[0]! as bigint
  }

  it('draws a letter, and its structs can be read', () => {
    using heap = new SlabAllocator({ reserve: 2 ** 24 })
    using adapter = freetypeAdapter(heap)
    const library = made(newLibrary, adapter.address)
    addModules(library)
    const modules = adapter.stats()
    expect(modules.blocks).toBeGreaterThan(10)

    using file = heap.dupe(font(26))
    const face = made(newFace, library, file.address, file.size, 0)
    expect(selectSize(face, 0)).toBe(0)
    expect(loadChar(face, 'C'.charCodeAt(0), RENDER)).toBe(0)
    const { family_name, num_glyphs, glyph } = readStruct(faceLayout, face)
    expect(readCString(family_name as bigint, 100)).toBe('Offheap')
    expect(Number(num_glyphs)).toBe(27) // and the one that stands for others
    const slot = readStruct(slotLayout, glyph as bigint)
    const { rows, width, buffer } = slot['bitmap'] as Record<string, number | bigint>
    expect([rows, width]).toEqual([8, 8])
    const dots = readStruct(Layout.struct({ rows: Layout.array(Layout.u8, 8) }), buffer as bigint)
    expect(Buffer.from(dots['rows'] as Uint8Array).toString('hex')).toBe(
      GLYPH.join('').toLowerCase(),
    )

    expect(adapter.stats().bytes).toBeGreaterThan(modules.bytes)
    expect(doneLibrary(library)).toBe(0)
    expect(adapter.stats()).toMatchObject({ blocks: 0, bytes: 0, failures: 0, refused: 0 })
    expect(heap.stats().used).toBe(file.size)
  })

  it('says that memory is out, and all goes with a reset', () => {
    using arena = new BumpAllocator(96 * 1024)
    using adapter = freetypeAdapter(arena)
    const library = made(newLibrary, adapter.address)
    addModules(library)
    const file = font(2000)
    const out = [null]
    expect(newFace(library, file, file.length, 0, out)).toBe(OUT_OF_MEMORY)
    expect(adapter.stats().failures).toBeGreaterThan(0)
    expect(adapter.stats().blocks).toBeGreaterThan(0)
    arena.reset()
    adapter.forget()
    expect(adapter.stats()).toMatchObject({ blocks: 0, bytes: 0, refused: 0 })
  })
})
