/* gc_library.c: see gc_library.h. A table of names, so that what is missing is found before
   anything is called. Costs: one dlopen and two dozen dlsym. */

#include "gc_library.h"

#include <stdlib.h>
#include <string.h>

#include "os.h"

#define FUNCTION(symbol, field) {symbol, offsetof(oh_gc_library_t, field)}

static struct {
  char const *symbol;
  size_t offset;
} const functions[] = {
    FUNCTION("GC_is_init_called", is_init_called),
    FUNCTION("GC_set_no_dls", set_no_dls),
    FUNCTION("GC_set_all_interior_pointers", set_all_interior_pointers),
    FUNCTION("GC_set_handle_fork", set_handle_fork),
    FUNCTION("GC_set_markers_count", set_markers_count),
    FUNCTION("GC_init", init),
    FUNCTION("GC_allow_register_threads", allow_register_threads),
    FUNCTION("GC_unregister_my_thread", unregister_my_thread),
    FUNCTION("GC_ignore_warn_proc", ignore_warn_proc),
    FUNCTION("GC_set_warn_proc", set_warn_proc),
    FUNCTION("GC_set_push_other_roots", set_push_other_roots),
    FUNCTION("GC_set_on_collection_event", set_on_collection_event),
    FUNCTION("GC_push_all", push_all),
    FUNCTION("GC_is_marked", is_marked),
    FUNCTION("GC_set_mark_bit", set_mark_bit),
    FUNCTION("GC_malloc", malloc),
    FUNCTION("GC_malloc_atomic", malloc_atomic),
    FUNCTION("GC_generic_malloc", generic_malloc),
    FUNCTION("GC_new_kind", new_kind),
    FUNCTION("GC_free", free),
    FUNCTION("GC_size", size),
    FUNCTION("GC_base", base),
    FUNCTION("GC_disable", disable),
    FUNCTION("GC_enable", enable),
    FUNCTION("GC_gcollect", gcollect),
    FUNCTION("GC_gcollect_and_unmap", gcollect_and_unmap),
    FUNCTION("GC_get_heap_size", get_heap_size),
};

#ifdef __APPLE__
static char const *const names[] = {"libgc.1.dylib", "/opt/homebrew/lib/libgc.1.dylib",
                                    "/usr/local/lib/libgc.1.dylib"};
#else
static char const *const names[] = {"libgc.so.1"};
#endif

static void *open_any(char const *name) {
  char why[1]; /* what is told of it is that it is not there */
  if (name != NULL) return os_library_open(name, why, sizeof why);
  void *found = NULL;
  for (size_t i = 0; found == NULL && i < sizeof(names) / sizeof(names[0]); i++) {
    found = os_library_open(names[i], why, sizeof why);
  }
  return found;
}

oh_gc_state_t oh_gc_library_find(char const *name, oh_gc_library_t *library, void **handle) {
#ifdef _WIN32
  (void)name;
  (void)library;
  *handle = NULL;
  (void)functions;
  (void)open_any;
  return OH_GC_UNSUPPORTED;
#else
  if (getenv("GC_ENABLE_INCREMENTAL") != NULL) return OH_GC_INCREMENTAL;
  *handle = open_any(name);
  if (*handle == NULL) return OH_GC_NOT_FOUND;
  for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
    os_function_t *const symbol = os_library_symbol(*handle, functions[i].symbol);
    if (symbol == NULL) return OH_GC_INCOMPLETE;
    memcpy((char *)library + functions[i].offset, &symbol, sizeof(symbol));
  }
  return OH_GC_OPEN;
#endif
}
