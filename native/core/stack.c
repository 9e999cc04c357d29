/* stack.c: the stack strategy.

   A block is put behind the newest one, with a header before it that says how long it is and where
   the one below it lies. Freeing the newest block goes back to the end of the one below: the state
   knows where that is if it was there when the block was allocated, else the header is asked.

   Headers lie where an overrun reaches them, so none is believed unchecked: the newest block must
   be as long as its header says, and the block below must end so near to that header that padding
   explains the rest. What is read then lies in the payload, and nothing has changed before all of
   it was found whole.

   Costs: 3 to 4 ns to allocate, and as much to free. Memory: 8 bytes a block, and padding. */

#include "stack.h"

#include <string.h>

#include "door.h"

_Static_assert(sizeof(oh_stack_t) == 13 * sizeof(uint32_t), "the state is thirteen words");
_Static_assert(offsetof(oh_stack_t, below) == 12, "words in the order that TypeScript knows");
_Static_assert(offsetof(oh_stack_t, size_word) == 32, "words in the order that TypeScript knows");
_Static_assert(offsetof(oh_stack_t, base_hi) == 48, "words in the order that TypeScript knows");

#define HEADER ((uint32_t)OH_STACK_HEADER)
#define NOT_KNOWN 0xffffffffu /* in below                                                       */

/* What lies below is remembered for blocks of sizes and alignments up to these, which are small
   integers in TypeScript. */
#define QUICK_SIZE 0x7fffffffu
#define QUICK_ALIGN 0x40000000u

void oh_stack_init(oh_stack_t *stack, void *base, size_t capacity) {
  uint64_t const address = (uint64_t)(uintptr_t)base;
  if (capacity > OH_MAX_CAPACITY) capacity = OH_MAX_CAPACITY;
  stack->limit = (uint32_t)capacity;
  stack->cursor = 0;
  stack->top = 0;
  stack->below = NOT_KNOWN;
  stack->below_end = 0;
  stack->used = 0;
  stack->peak_used = 0;
  stack->peak_offset = 0;
  stack->size_word = 0;
  stack->below_word = 0;
  stack->align = (uint32_t)OH_DEFAULT_ALIGN;
  stack->base_lo = (uint32_t)address;
  stack->base_hi = (uint32_t)(address >> 32);
}

/* ---- Headers --------------------------------------------------------------------------------- */

static uint64_t base_of(oh_stack_t const *stack) {
  return (uint64_t)stack->base_hi << 32 | stack->base_lo;
}

static uint32_t packed(uint32_t value) {
  return (value + 1) * OH_STACK_FACTOR;
}

static uint32_t unpacked(uint32_t word) {
  return word * OH_STACK_INVERSE - 1;
}

/* Bytes a block takes: one of 0 bytes has an address of its own. */
static uint32_t taken(uint32_t size) {
  return size + (size == 0);
}

static unsigned char *header_at(oh_stack_t const *stack, uint32_t start) {
  return (unsigned char *)(uintptr_t)(base_of(stack) + start - HEADER);
}

/* Headers are little-endian, as a DataView writes them. */
static uint32_t little(uint32_t word) {
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
  return __builtin_bswap32(word);
#else
  return word;
#endif
}

/* They may be at odd addresses. Compilers make one instruction of each of these. */
static uint32_t load(unsigned char const *at) {
  uint32_t word;
  memmove(&word, at, sizeof word);
  return little(word);
}

static void store(unsigned char *at, uint32_t word) {
  word = little(word);
  memmove(at, &word, sizeof word);
}

/* The size that a block's header says, and the offset of the block below. If they were overwritten:
   hardly ever ones that can be. */
static uint32_t size_at(oh_stack_t const *stack, uint32_t start) {
  return unpacked(load(header_at(stack, start)));
}

static uint32_t below_at(oh_stack_t const *stack, uint32_t start) {
  return unpacked(load(header_at(stack, start) + 4));
}

/* Where the block below ends. false: it does not reach up to the header of the block at start. What
   is left in between is padding, and so less than the alignment that the address of start has. */
static bool end_below(oh_stack_t const *stack, uint32_t start, uint32_t below, uint32_t *end) {
  uint32_t bytes = 0;
  if (below != 0) {
    /* A block and two headers lie below start then: 17 bytes at least. */
    if (start < 17 || below - HEADER > start - 17) return false;
    bytes = taken(size_at(stack, below));
  }
  uint32_t const room = start - below - HEADER;
  uint32_t const address = start + stack->base_lo;
  /* All bits from the address's lowest one up. */
  uint32_t const aligned = address | (0 - address);
  if (bytes > room || ((room - bytes) & aligned) != 0) return false;
  *end = below + bytes;
  return true;
}

/* ---- Finding a block ------------------------------------------------------------------------- */

/* Is this the newest block, as far as its address, its end and its alignment tell? Blocks of 0 and
   of 1 byte end at the same place: the header tells them apart. */
static bool is_newest(oh_stack_t const *stack, uint64_t address, size_t size, size_t align) {
  uint32_t const top = stack->top;
  if (top == 0 || address != base_of(stack) + top) return false;
  if (!oh_is_pow2(align) || (address & (uint64_t)(align - 1)) != 0) return false;
  uint32_t const length = stack->cursor - top;
  if (length != 1) return size == length;
  return size <= 1 && size == size_at(stack, top);
}

/* Finds a live block by a walk over those that are newer: a header alone could be bytes that only
   look like one. false: no live block starts there, or the walk comes no further. */
static bool find(oh_stack_t const *stack, uint64_t address, uint32_t *size) {
  uint64_t const offset = address - base_of(stack);
  uint32_t at = stack->top;
  uint32_t end = stack->cursor;
  while (at != 0 && at >= offset) {
    uint32_t const held = size_at(stack, at);
    if ((uint64_t)at + taken(held) != end) return false;
    if (at == offset) {
      *size = held;
      return true;
    }
    uint32_t const below = below_at(stack, at);
    if (!end_below(stack, at, below, &end)) return false;
    at = below;
  }
  return false;
}

/* ---- Changing the state ---------------------------------------------------------------------- */

/* Before used or the cursor may fall: what they are may be the most that they have been. */
static void note_peaks(oh_stack_t *stack) {
  if (stack->peak_used < stack->used) stack->peak_used = stack->used;
  if (stack->peak_offset < stack->cursor) stack->peak_offset = stack->cursor;
}

/* Reads the newest block's size from its header, and into the state what lies below it. false: a
   header was overwritten, nothing changed. */
static bool look(oh_stack_t *stack, uint32_t *size) {
  uint32_t const top = stack->top;
  uint32_t const length = stack->cursor - top;
  uint32_t const held = size_at(stack, top);
  if (held != length && (held != 0 || length != 1)) return false;
  uint32_t const below = below_at(stack, top);
  if (stack->below == NOT_KNOWN) {
    uint32_t end;
    if (!end_below(stack, top, below, &end)) return false;
    stack->below_end = end;
    stack->below = below;
  } else if (stack->below != below) {
    return false;
  }
  *size = held;
  return true;
}

/* Takes the newest block off, of which there is one. */
static bool drop(oh_stack_t *stack) {
  unsigned char const *const header = header_at(stack, stack->top);
  uint32_t size = stack->cursor - stack->top;
  bool const whole = stack->below != NOT_KNOWN && load(header) == stack->size_word &&
                     load(header + 4) == stack->below_word;
  if (!whole && !look(stack, &size)) return false;
  note_peaks(stack);
  stack->cursor = stack->below_end;
  stack->top = stack->below;
  stack->below = NOT_KNOWN;
  stack->used -= size;
  return true;
}

/* The newest block, whose size that is, becomes new_size bytes long. */
static bool resize_newest(oh_stack_t *stack, uint32_t size, size_t new_size) {
  uint32_t const top = stack->top;
  if (size_at(stack, top) != size) return false;
  /* One byte for a block of 0 is there: it has one now. */
  if (new_size > stack->limit - top) return false;
  note_peaks(stack);
  stack->size_word = packed((uint32_t)new_size);
  /* That its length says its size is so for other blocks only. */
  if (new_size == 0) stack->below = NOT_KNOWN;
  store(header_at(stack, top), stack->size_word);
  stack->cursor = top + taken((uint32_t)new_size);
  stack->used += (uint32_t)new_size - size;
  return true;
}

/* ---- Operations ------------------------------------------------------------------------------ */

void *oh_stack_alloc(oh_stack_t *stack, size_t size, size_t align) {
  if (!oh_is_pow2(align)) return NULL;
  bool quick = size - 1 < QUICK_SIZE;
  if (quick && align != stack->align) {
    quick = align <= QUICK_ALIGN;
    if (quick) stack->align = (uint32_t)align;
  }
  uint32_t const cursor = stack->cursor;
  uint32_t const top = stack->top;
  uint32_t const room = stack->limit - cursor;
  size_t const bytes = size + (size == 0);
  /* The header's end, from where padding counts. */
  uint64_t const behind = base_of(stack) + cursor + HEADER;
  uint64_t const padding = (0 - behind) & (uint64_t)(align - 1);
  /* Three comparisons, because the sum could wrap. A payload that is gone has no room. */
  if (room < HEADER || padding > room - HEADER || bytes > room - HEADER - padding) return NULL;
  uint32_t const start = cursor + HEADER + (uint32_t)padding;
  uint32_t const size_word = packed((uint32_t)size);
  uint32_t const below_word = packed(top);
  unsigned char *const header = header_at(stack, start);
  store(header, size_word);
  store(header + 4, below_word);
  if (quick) {
    stack->size_word = size_word;
    stack->below_word = below_word;
    stack->below = top;
    stack->below_end = cursor;
  } else {
    stack->below = NOT_KNOWN;
  }
  stack->top = start;
  stack->cursor = start + (uint32_t)bytes;
  stack->used += (uint32_t)size;
  return header + HEADER;
}

bool oh_stack_resize(oh_stack_t *stack, void *ptr, size_t size, size_t align, size_t new_size) {
  uint64_t const address = (uint64_t)(uintptr_t)ptr;
  if (is_newest(stack, address, size, align)) {
    return resize_newest(stack, (uint32_t)size, new_size);
  }
  uint32_t held;
  if (!oh_is_pow2(align) || (address & (uint64_t)(align - 1)) != 0) return false;
  return new_size == size && find(stack, address, &held) && held == size;
}

bool oh_stack_free(oh_stack_t *stack, void *ptr, size_t size, size_t align) {
  return is_newest(stack, (uint64_t)(uintptr_t)ptr, size, align) && drop(stack);
}

bool oh_stack_pop(oh_stack_t *stack) {
  return stack->top != 0 && drop(stack);
}

void oh_stack_reset(oh_stack_t *stack) {
  note_peaks(stack);
  stack->cursor = 0;
  stack->top = 0;
  stack->below = NOT_KNOWN;
  stack->used = 0;
}

/* ---- Through the C door ---------------------------------------------------------------------- */

static void *door_alloc(void *self, size_t size, size_t align) {
  return self == NULL ? NULL : oh_stack_alloc((oh_stack_t *)self, size, align);
}

/* A size that is not known, and with it the alignment: C libraries keep neither. */
static bool door_resize(void *self, void *ptr, size_t size, size_t align, size_t new_size) {
  oh_stack_t *const stack = (oh_stack_t *)self;
  if (stack == NULL) return false;
  if (size == 0) {
    uint32_t held;
    if (!find(stack, (uint64_t)(uintptr_t)ptr, &held)) return false;
    size = held;
    align = 1;
  }
  return oh_stack_resize(stack, ptr, size, align, new_size);
}

static void *door_remap(void *self, void *ptr, size_t size, size_t align, size_t new_size) {
  return door_resize(self, ptr, size, align, new_size) ? ptr : NULL;
}

static bool door_gives_back(oh_stack_t *stack, void *ptr, size_t size, size_t align) {
  if (stack == NULL) return false;
  if (size != 0) return oh_stack_free(stack, ptr, size, align);
  return (uint64_t)(uintptr_t)ptr == base_of(stack) + stack->top && oh_stack_pop(stack);
}

static void door_free(void *self, void *ptr, size_t size, size_t align) {
  (void)oh_accepted(door_gives_back((oh_stack_t *)self, ptr, size, align));
}

static size_t door_usable_size(void *self, void const *ptr) {
  uint32_t held;
  bool const lives = self != NULL && find((oh_stack_t *)self, (uint64_t)(uintptr_t)ptr, &held);
  return lives ? held + (held == 0) : 0;
}

oh_vtable_t const oh_stack_vtable = {
    OH_ABI_VERSION, sizeof(oh_vtable_t), door_alloc,       door_resize,
    door_remap,     door_free,           door_usable_size,
};
