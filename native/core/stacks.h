/* stacks.h: call stacks, each kept once in the process and for good.

   A stack is a number: that of its innermost call, which knows its frame and the stack of whoever
   called. So stacks that share their outer part share its memory, and a stack of n frames costs at
   most n calls of 16 bytes. 0 is the empty stack.

   A frame is a text, which whoever captured the stack understands, or the address of machine code.
   It is kept once too: 24 bytes and its text.

   All functions are safe from any thread. Those that end in _peek take no lock and touch nothing that
   ever moves: they are for the handler of a fatal signal. */

#ifndef OH_STACKS_H
#define OH_STACKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The number of the frame with this text. 0: no memory. A hash and a comparison, under a lock. */
uint32_t oh_frame_of_text(char const *text, size_t length);
/* The number of the frame with this address, which is never NULL. 0: no memory. */
uint32_t oh_frame_of_code(void const *address);

/* The frame says the same as another one does better: a line of a source, of which it is compiled. Once
   said, it stays. Nothing where there is no such frame. */
void oh_frame_resolve(uint32_t frame, uint32_t better);
/* The frame that says it best: the one itself, where none is better. */
uint32_t oh_frame_resolved(uint32_t frame);

/* The stack of a call in `frame`, made by what `caller` is the stack of. 0: no memory, or there is no
   such caller or frame. Tens of ns. */
uint32_t oh_stacks_call(uint32_t caller, uint32_t frame);
/* The stack of `count` addresses, innermost first, on top of `caller`; on top of none, where there is
   no such caller. Without memory for all, the outer ones. One lock for all. */
uint32_t oh_stacks_of_code(uint32_t caller, void *const *addresses, size_t count);

/* false: there is no such stack, or it is the empty one. */
bool oh_stacks_read(uint32_t stack, uint32_t *caller, uint32_t *frame);
bool oh_stacks_peek(uint32_t stack, uint32_t *caller, uint32_t *frame);

typedef struct oh_frame_view {
  char const *text; /* with a NUL behind it; NULL: of machine code                                */
  size_t length;
  void const *code;
} oh_frame_view_t;

/* false: there is no such frame. The text stays for good. */
bool oh_frame_read(uint32_t frame, oh_frame_view_t *view);
bool oh_frame_peek(uint32_t frame, oh_frame_view_t *view);

/* Stacks and frames that there are, and the bytes that they take, texts included. */
void oh_stacks_count(uint32_t *stacks, uint32_t *frames, size_t *bytes);

#ifdef __cplusplus
}
#endif

#endif
