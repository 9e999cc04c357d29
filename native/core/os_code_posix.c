/* os_code_posix.c: the clock and the machine code that runs, for os.h.

   A stack is walked by the unwind tables, as the C library's backtrace() does, but what they say of an
   address is kept: see unwind.h. Where they say something unusual of one frame, or there is no such
   reader for the processor, backtrace() walks the whole stack. */

#ifndef _WIN32

#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* dladdr, dl_iterate_phdr */
#endif

#include "os.h"
#include "unwind.h"

#include <dlfcn.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#ifdef __APPLE__
#include <execinfo.h>
#define HAS_BACKTRACE 1
#else
#include <link.h>
#ifdef __GLIBC__
#include <execinfo.h>
#define HAS_BACKTRACE 1
#endif
#endif

uint64_t os_clock_ms(void) {
  struct timespec now;
#ifdef CLOCK_MONOTONIC_COARSE
  clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
#else
  clock_gettime(CLOCK_MONOTONIC, &now);
#endif
  return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* ---- The walk of the C library --------------------------------------------------------------- */

#ifdef HAS_BACKTRACE

#define MOST_FRAMES 256

/* From the call that goes on at `first`: what is inside of it depends on what was inlined. */
static size_t walk_slowly(void **addresses, size_t most, void const *first) {
  void *all[MOST_FRAMES];
  size_t const wanted = most + 4 < MOST_FRAMES ? most + 4 : MOST_FRAMES;
  size_t const found = (size_t)backtrace(all, (int)wanted);
  size_t from = 0;
  while (from < found && all[from] != first) from++;
  size_t const count = found - from < most ? found - from : most;
  memcpy(addresses, all + from, count * sizeof *addresses);
  return count;
}

#else

static size_t walk_slowly(void **addresses, size_t most, void const *first) {
  (void)first;
  (void)addresses;
  (void)most;
  return 0;
}

#endif

/* ---- The walk by kept rules ------------------------------------------------------------------ */

#ifdef OH_UNWIND

/* A word a rule: the address but for the bits that are its place in the table, what kind it is, and the
   rule in words of 8 bytes. One load sees all of it or nothing. */
#define PLACE_BITS 14
#define PLACES ((size_t)1 << PLACE_BITS)
#define OFFSET_BITS 15
#define BASE_BITS 13

enum { KEPT_COMPLEX, KEPT_STACK, KEPT_BASE, KEPT_NONE };

static _Atomic(uint64_t) kept[PLACES];

static uint64_t pack(uintptr_t address, oh_unwind_kind_t kind, oh_unwind_rule_t const *rule) {
  uint64_t const tag = (uint64_t)(address >> PLACE_BITS) << (2 + OFFSET_BITS + BASE_BITS);
  if (kind == OH_UNWIND_NONE) return tag | KEPT_NONE;
  uint64_t const offset = rule->offset / 8, base = rule->base_at / 8;
  if (kind != OH_UNWIND_RULE || offset >> OFFSET_BITS != 0 || base >> BASE_BITS != 0) return tag;
  return tag | base << (2 + OFFSET_BITS) | offset << 2 | (rule->from_base ? KEPT_BASE : KEPT_STACK);
}

/* Nothing is kept any more when a library was loaded or unloaded since. That is seen at the next
   address that is not kept: until then what was kept of one that is gone may name wrong frames. */
static void forget_changed(uint64_t changes) {
  static _Atomic(uint64_t) known;
  if (atomic_exchange_explicit(&known, changes, memory_order_relaxed) == changes) return;
  for (size_t i = 0; i < PLACES; i++) atomic_store_explicit(&kept[i], 0, memory_order_relaxed);
}

static uint64_t rule_of(uintptr_t address) {
  _Atomic(uint64_t) *const place = &kept[address & (PLACES - 1)];
  uint64_t const word = atomic_load_explicit(place, memory_order_relaxed);
  if (word >> (2 + OFFSET_BITS + BASE_BITS) == address >> PLACE_BITS && word != 0) return word;
  oh_unwind_rule_t rule = {0};
  uint64_t changes;
  oh_unwind_kind_t const kind = oh_unwind_find(address, &rule, &changes);
  uint64_t const found = pack(address, kind, &rule);
  forget_changed(changes);
  atomic_store_explicit(place, found, memory_order_relaxed);
  return found;
}

/* Reads slots of other functions' frames, which a sanitizer may have fenced. */
__attribute__((no_sanitize("address"))) static uintptr_t word_at(uintptr_t address) {
  return *(uintptr_t const *)address;
}

/* Where the stack ends that this thread runs on: nothing beyond is read, whatever a rule says. 0: it is
   another stack than the thread began with, as a coroutine's or a signal handler's. */
static uintptr_t stack_end(uintptr_t sp) {
  static _Thread_local os_stack_t stack;
  if (stack.high == 0) stack = os_thread_stack();
  return sp >= stack.low && sp < stack.high ? stack.high : 0;
}

/* From registers on. SIZE_MAX: a frame is too unusual. */
__attribute__((no_sanitize("address"))) static size_t walk(uintptr_t pc, uintptr_t sp, uintptr_t bp,
                                                           void **addresses, size_t most) {
  uintptr_t const end = stack_end(sp);
  size_t count = 0;
  while (count < most) {
    /* A return address may be behind the end of a function that ends in the call. */
    uint64_t const rule = rule_of(pc - 1);
    if ((rule & 3) == KEPT_COMPLEX) return SIZE_MAX;
    if ((rule & 3) == KEPT_NONE) break;
    uintptr_t const offset = (uintptr_t)(rule >> 2 & ((1u << OFFSET_BITS) - 1)) * 8;
    uintptr_t const base = (uintptr_t)(rule >> (2 + OFFSET_BITS) & ((1u << BASE_BITS) - 1)) * 8;
    uintptr_t const frame = ((rule & 3) == KEPT_BASE ? bp : sp) + offset;
    if (frame <= sp || frame > end || frame % 8 != 0 || base > frame - sp) return SIZE_MAX;
    if (base != 0) bp = word_at(frame - base);
    pc = word_at(frame - 8);
    sp = frame;
    if (pc == 0) break;
    addresses[count++] = (void *)pc;
  }
  return count;
}

#endif

__attribute__((noinline)) size_t os_backtrace(void **addresses, size_t most) {
#ifdef OH_UNWIND
  uintptr_t pc, sp, bp;
  __asm__ volatile("leaq 0(%%rip), %0\n\tmovq %%rsp, %1\n\tmovq %%rbp, %2"
                   : "=&r"(pc), "=&r"(sp), "=&r"(bp));
  size_t const count = walk(pc + 1, sp, bp, addresses, most);
  if (count != SIZE_MAX) return count;
#endif
  return walk_slowly(addresses, most, __builtin_return_address(0));
}

/* ---- What an address belongs to -------------------------------------------------------------- */

#ifdef __APPLE__

static void find_object(void const *address, os_code_t *code) {
  Dl_info info;
  if (dladdr(address, &info) != 0) code->offset = (uintptr_t)address - (uintptr_t)info.dli_fbase;
}

#else

typedef struct search {
  uintptr_t address;
  os_code_t *code;
} search_t;

static void read_build_id(char const *notes, size_t size, os_code_t *code) {
  while (size >= sizeof(ElfW(Nhdr))) {
    ElfW(Nhdr) note;
    memcpy(&note, notes, sizeof note);
    size_t const name = (note.n_namesz + 3u) & ~(size_t)3, text = (note.n_descsz + 3u) & ~(size_t)3;
    if (size - sizeof note < name || size - sizeof note - name < text) return;
    char const *const at = notes + sizeof note + name;
    if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 && memcmp(at - name, "GNU", 4) == 0 &&
        note.n_descsz <= OS_BUILD_ID_MOST) {
      memcpy(code->build_id, at, note.n_descsz);
      code->build_id_size = note.n_descsz;
      return;
    }
    size -= sizeof note + name + text;
    notes = at + text;
  }
}

static int look_in(struct dl_phdr_info *info, size_t size, void *argument) {
  search_t *const search = (search_t *)argument;
  bool holds = false;
  (void)size;
  for (int i = 0; i < info->dlpi_phnum && !holds; i++) {
    ElfW(Phdr) const *const p = &info->dlpi_phdr[i];
    holds = p->p_type == PT_LOAD && search->address - (info->dlpi_addr + p->p_vaddr) < p->p_memsz;
  }
  if (!holds) return 0;
  search->code->offset = search->address - info->dlpi_addr;
  for (int i = 0; i < info->dlpi_phnum && search->code->build_id_size == 0; i++) {
    ElfW(Phdr) const *const p = &info->dlpi_phdr[i];
    if (p->p_type != PT_NOTE) continue;
    read_build_id((char const *)(info->dlpi_addr + p->p_vaddr), p->p_memsz, search->code);
  }
  return 1;
}

static void find_object(void const *address, os_code_t *code) {
  search_t search = {(uintptr_t)address, code};
  dl_iterate_phdr(look_in, &search);
}

#endif

bool os_code_at(void const *address, os_code_t *code) {
  Dl_info info;
  memset(code, 0, sizeof *code);
  if (dladdr(address, &info) == 0 || info.dli_fname == NULL) return false;
  code->file = info.dli_fname;
  code->function = info.dli_sname;
  find_object(address, code);
  return true;
}

#endif
