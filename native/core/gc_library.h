/* gc_library.h: the functions of Boehm's collector, found at run time.

   libgc is no part of this library and needs no headers to build: the system's is loaded when the
   first collected allocator is made. libgc 8.2 or later, built with threads (Debian's libgc1). */

#ifndef OH_GC_LIBRARY_H
#define OH_GC_LIBRARY_H

#include <stddef.h>
#include <stdint.h>

typedef enum {
  OH_GC_OPEN = 0,        /* loaded and ready                                                  */
  OH_GC_NOT_FOUND = 1,   /* no such library                                                   */
  OH_GC_INCOMPLETE = 2,  /* a library, but it lacks functions: no libgc, or an older one      */
  OH_GC_IN_USE = 3,      /* somebody else in this process has set libgc up for himself        */
  OH_GC_ANOTHER = 4,     /* this process uses another libgc already                           */
  OH_GC_NO_THREAD = 5,   /* the system has no thread left for setting it up                   */
  OH_GC_UNSUPPORTED = 6, /* not on this system                                                */
  OH_GC_INCREMENTAL = 7  /* the environment wants it to run in a mode that needs signals      */
} oh_gc_state_t;

typedef void (*oh_gc_proc_t)(void);
typedef void (*oh_gc_event_proc_t)(int event);
typedef void (*oh_gc_warn_proc_t)(char *message, uintptr_t argument);

/* Of its events: all that can be reached is marked, and nothing is swept yet. */
#define OH_GC_EVENT_MARK_END 2

typedef struct oh_gc_library {
  int (*is_init_called)(void);
  void (*set_no_dls)(int on);
  void (*set_all_interior_pointers)(int on);
  void (*set_handle_fork)(int on);
  void (*set_markers_count)(unsigned count);
  void (*init)(void);
  void (*allow_register_threads)(void);
  int (*unregister_my_thread)(void);
  oh_gc_warn_proc_t ignore_warn_proc;
  void (*set_warn_proc)(oh_gc_warn_proc_t proc);
  void (*set_push_other_roots)(oh_gc_proc_t proc);
  void (*set_on_collection_event)(oh_gc_event_proc_t proc);
  void (*push_all)(void *from, void *to);
  int (*is_marked)(void const *object);
  void (*set_mark_bit)(void const *object);
  void *(*malloc)(size_t size);
  void *(*malloc_atomic)(size_t size);
  void *(*generic_malloc)(size_t size, int kind);
  unsigned (*new_kind)(void **free_list, uintptr_t descriptor, int adjust, int clear);
  void (*free)(void *object);
  size_t (*size)(void const *object);
  void *(*base)(void *address);
  void (*disable)(void);
  void (*enable)(void);
  void (*gcollect)(void);
  void (*gcollect_and_unmap)(void);
  size_t (*get_heap_size)(void);
} oh_gc_library_t;

/* Loads the library and finds its functions; *handle is the same for the same library. name NULL:
   the one that this system has. Sets nothing up. */
oh_gc_state_t oh_gc_library_find(char const *name, oh_gc_library_t *library, void **handle);

#endif
