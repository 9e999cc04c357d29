/* stacks.c: see stacks.h. */

#include "stacks.h"

#include <string.h>

#include "numbered.h"
#include "os.h"

typedef struct oh_frame {
  oh_entry_t entry;
  uint32_t length; /* of the text; CODE: there is none                                            */
  uint32_t better; /* frame that says the same; 0: none                                           */
  uint64_t value;  /* address of the text, or of the code                                         */
} oh_frame_t;

typedef struct oh_call {
  oh_entry_t entry;
  uint32_t caller;
  uint32_t frame;
} oh_call_t;

#define CODE UINT32_MAX

static os_mutex_t lock = OS_MUTEX_INIT;
static oh_numbered_t frames = {.thing_size = sizeof(oh_frame_t)};
static oh_numbered_t calls = {.thing_size = sizeof(oh_call_t)};

/* ---- Texts ----------------------------------------------------------------------------------- */

#define TEXT_CHUNK ((size_t)256 * 1024)

/* Where the next text goes, and how much is left there. Texts stay for good; who looks for leaks
   follows the list of what they are in, but not the pages of the frames. */
typedef struct chunk {
  struct chunk *before;
  char text[];
} chunk_t;

static chunk_t *chunks;
static char *text_at;
static size_t text_left;
static size_t text_bytes;

/* Room for so many bytes of text; NULL: no memory. */
static char *add_chunk(size_t size) {
  chunk_t *const chunk = (chunk_t *)os_heap_alloc(sizeof *chunk + size, OS_HEAP_ALIGN);
  if (chunk == NULL) return NULL;
  chunk->before = chunks;
  chunks = chunk;
  text_bytes += sizeof *chunk + size;
  return chunk->text;
}

static char *keep_text(char const *text, size_t length) {
  char *kept;
  if (length >= TEXT_CHUNK / 4) {
    kept = add_chunk(length + 1);
  } else {
    if (length >= text_left) {
      text_at = add_chunk(TEXT_CHUNK);
      text_left = text_at == NULL ? 0 : TEXT_CHUNK;
    }
    kept = text_at;
  }
  if (kept == NULL) return NULL;
  memcpy(kept, text, length);
  kept[length] = '\0';
  if (kept == text_at) {
    text_at += length + 1;
    text_left -= length + 1;
  }
  return kept;
}

/* FNV-1a (G. Fowler, L. C. Noll, K.-P. Vo). */
static uint32_t hash_text(char const *text, size_t length) {
  uint64_t hash = 0xcbf29ce484222325u;
  for (size_t i = 0; i < length; i++) hash = (hash ^ (unsigned char)text[i]) * 0x100000001b3u;
  return oh_hash64(hash);
}

/* ---- Frames ---------------------------------------------------------------------------------- */

static oh_frame_t *frame_at(uint32_t n) {
  return (oh_frame_t *)oh_numbered_at(&frames, n);
}

static char const *text_of(oh_frame_t const *frame) {
  return (char const *)(uintptr_t)frame->value;
}

static uint32_t find_text(char const *text, size_t length, uint32_t hash) {
  uint32_t n = oh_numbered_first(&frames, hash);
  for (; n != 0; n = frame_at(n)->entry.next) {
    oh_frame_t const *const f = frame_at(n);
    if (f->entry.hash != hash || f->length != length) continue;
    if (memcmp(text_of(f), text, length) == 0) break;
  }
  return n;
}

/* The text last: what is kept of one stays for good. */
static uint32_t add_text(char const *text, size_t length, uint32_t hash) {
  uint32_t const n = oh_numbered_add(&frames, hash);
  if (n == 0) return 0;
  char *const kept = keep_text(text, length);
  if (kept == NULL) {
    oh_numbered_remove(&frames, n);
    return 0;
  }
  frame_at(n)->length = (uint32_t)length;
  frame_at(n)->value = (uintptr_t)kept;
  return n;
}

uint32_t oh_frame_of_text(char const *text, size_t length) {
  if (length >= CODE) return 0;
  uint32_t const hash = hash_text(text, length);
  os_mutex_lock(&lock);
  uint32_t n = find_text(text, length, hash);
  if (n == 0) n = add_text(text, length, hash);
  os_mutex_unlock(&lock);
  return n;
}

static uint32_t frame_of_code(void const *address) {
  uint64_t const value = (uintptr_t)address;
  uint32_t const hash = oh_hash64(value);
  uint32_t n = oh_numbered_first(&frames, hash);
  for (; n != 0; n = frame_at(n)->entry.next) {
    if (frame_at(n)->value == value && frame_at(n)->length == CODE) return n;
  }
  n = oh_numbered_add(&frames, hash);
  if (n == 0) return 0;
  frame_at(n)->length = CODE;
  frame_at(n)->value = value;
  return n;
}

uint32_t oh_frame_of_code(void const *address) {
  os_mutex_lock(&lock);
  uint32_t const n = frame_of_code(address);
  os_mutex_unlock(&lock);
  return n;
}

bool oh_frame_peek(uint32_t frame, oh_frame_view_t *view) {
  memset(view, 0, sizeof *view);
  if (frame == 0 || frame > frames.highest) return false;
  oh_frame_t const *const f = frame_at(frame);
  if (f->length == CODE) {
    view->code = (void const *)(uintptr_t)f->value;
  } else {
    view->text = text_of(f);
    view->length = f->length;
  }
  return true;
}

bool oh_frame_read(uint32_t frame, oh_frame_view_t *view) {
  os_mutex_lock(&lock);
  bool const found = oh_frame_peek(frame, view);
  os_mutex_unlock(&lock);
  return found;
}

void oh_frame_resolve(uint32_t frame, uint32_t better) {
  os_mutex_lock(&lock);
  bool const both = frame != 0 && frame <= frames.highest && better != 0 && better <= frames.highest;
  if (both && frame != better && frame_at(frame)->better == 0) frame_at(frame)->better = better;
  os_mutex_unlock(&lock);
}

uint32_t oh_frame_resolved(uint32_t frame) {
  os_mutex_lock(&lock);
  bool const found = frame != 0 && frame <= frames.highest && frame_at(frame)->better != 0;
  uint32_t const better = found ? frame_at(frame)->better : frame;
  os_mutex_unlock(&lock);
  return better;
}

/* ---- Stacks ---------------------------------------------------------------------------------- */

static oh_call_t *call_at(uint32_t n) {
  return (oh_call_t *)oh_numbered_at(&calls, n);
}

static uint32_t call(uint32_t caller, uint32_t frame) {
  uint32_t const hash = oh_hash64((uint64_t)caller << 32 | frame);
  uint32_t n = oh_numbered_first(&calls, hash);
  for (; n != 0; n = call_at(n)->entry.next) {
    if (call_at(n)->caller == caller && call_at(n)->frame == frame) return n;
  }
  n = oh_numbered_add(&calls, hash);
  if (n == 0) return 0;
  call_at(n)->caller = caller;
  call_at(n)->frame = frame;
  return n;
}

uint32_t oh_stacks_call(uint32_t caller, uint32_t frame) {
  os_mutex_lock(&lock);
  /* A caller is older than what it calls: so no stack goes in circles. */
  bool const known = frame != 0 && frame <= frames.highest && caller <= calls.highest;
  uint32_t const n = known ? call(caller, frame) : 0;
  os_mutex_unlock(&lock);
  return n;
}

uint32_t oh_stacks_of_code(uint32_t caller, void *const *addresses, size_t count) {
  os_mutex_lock(&lock);
  uint32_t stack = caller <= calls.highest ? caller : 0;
  for (size_t i = count; i-- > 0;) {
    uint32_t const frame = frame_of_code(addresses[i]);
    uint32_t const inner = frame == 0 ? 0 : call(stack, frame);
    if (inner == 0) break;
    stack = inner;
  }
  os_mutex_unlock(&lock);
  return stack;
}

bool oh_stacks_peek(uint32_t stack, uint32_t *caller, uint32_t *frame) {
  if (stack == 0 || stack > calls.highest) return false;
  *caller = call_at(stack)->caller;
  *frame = call_at(stack)->frame;
  return true;
}

bool oh_stacks_read(uint32_t stack, uint32_t *caller, uint32_t *frame) {
  os_mutex_lock(&lock);
  bool const found = oh_stacks_peek(stack, caller, frame);
  os_mutex_unlock(&lock);
  return found;
}

void oh_stacks_count(uint32_t *stacks, uint32_t *all_frames, size_t *bytes) {
  os_mutex_lock(&lock);
  *stacks = calls.count;
  *all_frames = frames.count;
  *bytes = oh_numbered_bytes(&calls) + oh_numbered_bytes(&frames) + text_bytes;
  os_mutex_unlock(&lock);
}
