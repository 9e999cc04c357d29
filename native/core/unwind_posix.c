/* unwind_posix.c: see unwind.h. */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* dl_iterate_phdr */
#endif

#include "unwind.h"

#ifdef OH_UNWIND

#include <link.h>
#include <stddef.h>
#include <string.h>

/* ---- Reading --------------------------------------------------------------------------------- */

typedef struct reader {
  uint8_t const *at;
  uint8_t const *end;
  bool bad; /* it says something that this cannot read                                            */
} reader_t;

static uint64_t read_bytes(reader_t *r, size_t size) {
  uint64_t value = 0;
  if (size > (size_t)(r->end - r->at)) {
    r->bad = true;
    r->at = r->end;
    return 0;
  }
  memcpy(&value, r->at, size);
  r->at += size;
  return value;
}

static uint64_t read_uleb(reader_t *r) {
  uint64_t value = 0;
  for (unsigned shift = 0; r->at < r->end; shift += 7) {
    uint8_t const byte = *r->at++;
    if (shift < 64) value |= (uint64_t)(byte & 0x7f) << shift;
    if (byte < 0x80) return value;
  }
  r->bad = true;
  return 0;
}

static int64_t read_sleb(reader_t *r) {
  uint64_t value = 0;
  for (unsigned shift = 0; r->at < r->end;) {
    uint8_t const byte = *r->at++;
    if (shift < 64) value |= (uint64_t)(byte & 0x7f) << shift;
    shift += 7;
    if (byte >= 0x80) continue;
    if ((byte & 0x40) != 0 && shift < 64) value |= ~(uint64_t)0 << shift;
    return (int64_t)value;
  }
  r->bad = true;
  return 0;
}

static void skip(reader_t *r, uint64_t size) {
  if (size > (size_t)(r->end - r->at)) {
    r->bad = true;
    size = (size_t)(r->end - r->at);
  }
  r->at += size;
}

/* Encodings of pointers: the low half says how many bytes, the rest relative to what. */
enum { PE_ABSPTR = 0x00, PE_UDATA4 = 0x03, PE_SDATA4 = 0x0b, PE_PCREL = 0x10, PE_DATAREL = 0x30 };

static uint64_t read_encoded(reader_t *r, uint8_t encoding, uintptr_t data) {
  uintptr_t const here = (uintptr_t)r->at;
  uint64_t value = 0;
  switch (encoding & 0x0f) {
    case PE_ABSPTR: value = read_bytes(r, 8); break;
    case PE_UDATA4: value = read_bytes(r, 4); break;
    case PE_SDATA4: value = (uint64_t)(int64_t)(int32_t)read_bytes(r, 4); break;
    default: r->bad = true;
  }
  switch (encoding & 0xf0) {
    case PE_ABSPTR: return value;
    case PE_PCREL: return here + value;
    case PE_DATAREL: return data + value;
    default: r->bad = true; return 0;
  }
}

/* ---- From an address to its entry ------------------------------------------------------------ */

typedef struct search {
  uintptr_t address;
  uint8_t const *header; /* .eh_frame_hdr of the object that holds it                             */
  size_t size;
  uint64_t changes;
} search_t;

static int look_in(struct dl_phdr_info *info, size_t size, void *argument) {
  search_t *const search = (search_t *)argument;
  ElfW(Phdr) const *header = NULL;
  bool holds = false;
  if (size >= offsetof(struct dl_phdr_info, dlpi_subs) + sizeof info->dlpi_subs) {
    search->changes = info->dlpi_adds + info->dlpi_subs;
  }
  for (int i = 0; i < info->dlpi_phnum; i++) {
    ElfW(Phdr) const *const p = &info->dlpi_phdr[i];
    uintptr_t const start = info->dlpi_addr + p->p_vaddr;
    if (p->p_type == PT_LOAD && search->address - start < p->p_memsz) holds = true;
    if (p->p_type == PT_GNU_EH_FRAME) header = p;
  }
  if (!holds) return 0;
  if (header != NULL) {
    search->header = (uint8_t const *)(info->dlpi_addr + header->p_vaddr);
    search->size = header->p_memsz;
  }
  return 1;
}

/* The header has a sorted table of (start of a function, its entry), both relative to the header. */
static uint8_t const *find_entry(search_t const *search) {
  uint8_t const *const header = search->header;
  reader_t r = {header, header + search->size, false};
  uint8_t const version = (uint8_t)read_bytes(&r, 1);
  uint8_t const frame_encoding = (uint8_t)read_bytes(&r, 1);
  uint8_t const count_encoding = (uint8_t)read_bytes(&r, 1);
  uint8_t const table_encoding = (uint8_t)read_bytes(&r, 1);
  (void)read_encoded(&r, frame_encoding, (uintptr_t)header);
  uint64_t const count = read_encoded(&r, count_encoding, (uintptr_t)header);
  if (r.bad || version != 1 || table_encoding != (PE_DATAREL | PE_SDATA4)) return NULL;
  if (count == 0 || count > (size_t)(r.end - r.at) / 8) return NULL;
  int64_t const wanted = (int64_t)(search->address - (uintptr_t)header);
  size_t low = 0, high = (size_t)count;
  while (high - low > 1) {
    size_t const middle = low + (high - low) / 2;
    int32_t start;
    memcpy(&start, r.at + middle * 8, sizeof start);
    if (start <= wanted) low = middle; else high = middle;
  }
  int32_t entry;
  memcpy(&entry, r.at + low * 8 + 4, sizeof entry);
  return header + entry;
}

/* ---- Entries --------------------------------------------------------------------------------- */

typedef struct common {
  uint64_t code_align;
  int64_t data_align;
  uint8_t encoding; /* of addresses in entries                                                    */
  bool has_extra;   /* entries have data of their own before their program                        */
  reader_t program;
} common_t;

/* A record and its length. false: not one that this can read. */
static bool open_record(uint8_t const *at, reader_t *r) {
  uint32_t length;
  memcpy(&length, at, sizeof length);
  if (length == 0 || length == UINT32_MAX) return false;
  *r = (reader_t){at + 4, at + 4 + length, false};
  return true;
}

static bool read_common(uint8_t const *at, common_t *common) {
  reader_t r;
  if (!open_record(at, &r) || read_bytes(&r, 4) != 0) return false;
  uint8_t const version = (uint8_t)read_bytes(&r, 1);
  if (version != 1 && version != 3) return false;
  char const *augmentation = (char const *)r.at;
  while (read_bytes(&r, 1) != 0) {
  }
  common->code_align = read_uleb(&r);
  common->data_align = read_sleb(&r);
  uint64_t const return_register = version == 1 ? read_bytes(&r, 1) : read_uleb(&r);
  common->encoding = PE_ABSPTR;
  common->has_extra = *augmentation == 'z';
  if (common->has_extra) {
    uint64_t const size = read_uleb(&r);
    reader_t extra = {r.at, r.at, false};
    skip(&r, size);
    extra.end = r.at;
    while (*++augmentation != '\0') {
      if (*augmentation == 'R') {
        common->encoding = (uint8_t)read_bytes(&extra, 1);
      } else if (*augmentation == 'P') {
        uint8_t const encoding = (uint8_t)read_bytes(&extra, 1);
        (void)read_encoded(&extra, encoding & 0x0f, 0);
      } else if (*augmentation == 'L') {
        (void)read_bytes(&extra, 1);
      } else {
        return false; /* 'S', a signal's frame, among others                                      */
      }
    }
    if (extra.bad) return false;
  } else if (*augmentation != '\0') {
    return false;
  }
  common->program = r;
  return !r.bad && return_register == 16;
}

/* ---- Programs -------------------------------------------------------------------------------- */

enum { RBP = 6, RSP = 7, RETURN = 16, SAVED_MOST = 8 };

typedef struct row {
  uint64_t cfa_register;
  int64_t cfa_offset;
  bool cfa_known;
  int64_t base; /* from the frame's begin to where the base pointer is saved; 0: it is not        */
  int64_t ra;   /* the same of the return address                                                 */
  bool complex;
  bool outermost; /* nobody called                                                                */
} row_t;

static void save(row_t *row, uint64_t reg, int64_t offset) {
  if (reg == RBP) row->base = offset;
  if (reg == RETURN) row->ra = offset;
}

/* One that is kept in a way which this does not follow matters only of these two. */
static void lose(row_t *row, uint64_t reg) {
  if (reg == RBP || reg == RETURN) row->complex = true;
}

/* Runs a program up to the row of `target`, from where the function starts. false: cannot. */
static bool run(reader_t r, common_t const *common, uintptr_t at, uintptr_t target, row_t *row,
                row_t const *initial) {
  row_t saved[SAVED_MOST];
  size_t depth = 0;
  while (r.at < r.end && !r.bad) {
    uint8_t const op = (uint8_t)read_bytes(&r, 1);
    uint64_t const low = op & 0x3f;
    uint64_t advance = 0;
    switch (op >> 6) {
      case 1: advance = low; break;                                                /* advance_loc */
      case 2: save(row, low, (int64_t)read_uleb(&r) * common->data_align); continue; /* offset    */
      case 3:                                                                      /* restore     */
        if (low == RBP) row->base = initial->base;
        if (low == RETURN) row->ra = initial->ra;
        continue;
      default:
        switch (op) {
          case 0x00: continue; /* nop */
          case 0x01:           /* set_loc */
            at = (uintptr_t)read_encoded(&r, common->encoding, 0);
            if (at > target) return true;
            continue;
          case 0x02: advance = read_bytes(&r, 1); break;
          case 0x03: advance = read_bytes(&r, 2); break;
          case 0x04: advance = read_bytes(&r, 4); break;
          case 0x05: { /* offset_extended */
            uint64_t const reg = read_uleb(&r);
            save(row, reg, (int64_t)read_uleb(&r) * common->data_align);
            continue;
          }
          case 0x06: { /* restore_extended */
            uint64_t const reg = read_uleb(&r);
            save(row, reg, reg == RBP ? initial->base : initial->ra);
            continue;
          }
          case 0x07: { /* undefined */
            uint64_t const reg = read_uleb(&r);
            if (reg == RETURN) row->outermost = true; else lose(row, reg);
            continue;
          }
          case 0x08: { /* same_value */
            uint64_t const reg = read_uleb(&r);
            if (reg == RBP) row->base = 0; else lose(row, reg);
            continue;
          }
          case 0x09: /* register */
            lose(row, read_uleb(&r));
            (void)read_uleb(&r);
            continue;
          case 0x0a: /* remember_state */
            if (depth == SAVED_MOST) return false;
            saved[depth++] = *row;
            continue;
          case 0x0b: /* restore_state */
            if (depth == 0) return false;
            *row = saved[--depth];
            continue;
          case 0x0c: /* def_cfa */
            row->cfa_register = read_uleb(&r);
            row->cfa_offset = (int64_t)read_uleb(&r);
            row->cfa_known = true;
            continue;
          case 0x0d: row->cfa_register = read_uleb(&r); continue;          /* def_cfa_register    */
          case 0x0e: row->cfa_offset = (int64_t)read_uleb(&r); continue;   /* def_cfa_offset      */
          case 0x0f:                                                       /* def_cfa_expression  */
            row->cfa_known = false;
            skip(&r, read_uleb(&r));
            continue;
          case 0x10: /* expression */
          case 0x16: /* val_expression */
            lose(row, read_uleb(&r));
            skip(&r, read_uleb(&r));
            continue;
          case 0x2e: (void)read_uleb(&r); continue; /* GNU_args_size */
          default: return false;
        }
    }
    at += (uintptr_t)(advance * common->code_align);
    if (at > target) return true;
  }
  return !r.bad;
}

static bool is_rule(row_t const *row, oh_unwind_rule_t *rule) {
  bool const known = row->cfa_known && !row->complex && row->ra == -8 &&
                     (row->cfa_register == RSP || row->cfa_register == RBP);
  if (!known || row->cfa_offset <= 0 || row->cfa_offset % 8 != 0) return false;
  if (row->base > 0 || row->base % 8 != 0) return false;
  rule->from_base = row->cfa_register == RBP;
  rule->offset = (uint32_t)row->cfa_offset;
  rule->base_at = (uint32_t)-row->base;
  return true;
}

oh_unwind_kind_t oh_unwind_find(uintptr_t address, oh_unwind_rule_t *rule, uint64_t *changes) {
  search_t search = {address, NULL, 0, 0};
  dl_iterate_phdr(look_in, &search);
  *changes = search.changes;
  uint8_t const *const entry = search.header == NULL ? NULL : find_entry(&search);
  if (entry == NULL) return OH_UNWIND_NONE;
  reader_t r;
  common_t common;
  if (!open_record(entry, &r)) return OH_UNWIND_NONE;
  uint8_t const *const link = r.at;
  uint64_t const back = read_bytes(&r, 4);
  if (!read_common(link - back, &common)) return OH_UNWIND_COMPLEX;
  uintptr_t const start = (uintptr_t)read_encoded(&r, common.encoding, 0);
  uint64_t const length = read_encoded(&r, common.encoding & 0x0f, 0);
  if (r.bad || address - start >= length) return OH_UNWIND_NONE;
  if (common.has_extra) skip(&r, read_uleb(&r));
  row_t initial = {0};
  if (!run(common.program, &common, start, UINTPTR_MAX, &initial, &initial)) return OH_UNWIND_COMPLEX;
  row_t row = initial;
  if (!run(r, &common, start, address, &row, &initial)) return OH_UNWIND_COMPLEX;
  if (row.outermost) return OH_UNWIND_NONE;
  return is_rule(&row, rule) ? OH_UNWIND_RULE : OH_UNWIND_COMPLEX;
}

#else
typedef int oh_unwind_nothing_t; /* ISO C forbids an empty file */
#endif
