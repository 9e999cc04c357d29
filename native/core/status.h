/* status.h: why an operation on a block was refused. Mirrored by lib/native/binding.ts. */

#ifndef OH_STATUS_H
#define OH_STATUS_H

typedef enum {
  OH_OK = 0,
  OH_NO_MEMORY = 1,       /* the system has none                                             */
  OH_INVALID_POINTER = 2, /* not the start of a block of this allocator                      */
  OH_DOUBLE_FREE = 3,     /* was one, and has been freed                                     */
  OH_INVALID_SIZE = 4,    /* the block is smaller than the size that the caller gave         */
  OH_SHOWN = 5,           /* JavaScript looks at the block: it is freed through its region   */
  OH_INVALID_ALIGN = 6,   /* the block was allocated with another alignment                  */
  OH_POISONED = 7         /* a thread ended in the midst of an operation on this heap        */
} oh_status_t;

#endif
