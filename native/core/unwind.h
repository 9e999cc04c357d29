/* unwind.h: what the unwind tables of compiled code say about one address, x86-64 and ELF only.

   The tables (.eh_frame: DWARF call frame information, DWARF 5 section 6.4, as the Linux Standard Base
   has it) are programs that tell, for each instruction, where the frame of its function begins. Running
   one takes a microsecond, the answer fits a word, and a process that allocates calls from few
   places: so the answer is kept (as libunwind's unw_tdep_trace does), and a step of the walk is a
   load and an addition. */

#ifndef OH_UNWIND_H
#define OH_UNWIND_H

#if defined(__x86_64__) && defined(__ELF__)
#define OH_UNWIND 1

#include <stdbool.h>
#include <stdint.h>

/* The caller's stack pointer is `offset` above this frame's stack or base pointer. The return address
   is the word below it. */
typedef struct oh_unwind_rule {
  bool from_base;    /* else from the stack pointer                                               */
  uint32_t offset;   /* bytes, a multiple of 8                                                    */
  uint32_t base_at;  /* bytes below the caller's stack pointer where its base pointer was saved;  */
                     /* 0: it was not, and is still in its register                               */
} oh_unwind_rule_t;

typedef enum {
  OH_UNWIND_RULE,
  OH_UNWIND_NONE,   /* no tables: compiled at run time, or the outermost frame                    */
  OH_UNWIND_COMPLEX /* something that is no such rule                                             */
} oh_unwind_kind_t;

/* What holds at the instruction at `address`. The objects that are loaded are asked for: `changes` is
   how often one was loaded or unloaded before, or 0 where the system does not count. */
oh_unwind_kind_t oh_unwind_find(uintptr_t address, oh_unwind_rule_t *rule, uint64_t *changes);

#endif
#endif
