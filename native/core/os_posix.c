/* os_posix.c: os.h for Linux (glibc, musl), macOS and the BSDs.

   The heap is malloc, posix_memalign above its alignment, and what the C library offers beyond
   POSIX: the usable size everywhere, trimming and statistics where they exist.

   Pages are private anonymous mappings. A reservation is PROT_NONE and MAP_NORESERVE: it costs an
   entry in the kernel's list of mappings and nothing else. Committing is mprotect; the kernel gives
   a page when it is first touched.

   Costs: heap calls cost what malloc costs; each call on pages is one system call, two or three
   where an alignment has to be cut out of a larger reservation. */

#ifndef _WIN32

#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* mremap, MAP_ANONYMOUS, dladdr, dlinfo */
#endif

#include "os.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef __APPLE__
#include <link.h>
#endif

#ifdef __linux__
#include <sys/prctl.h>
#ifndef PR_SET_VMA
#define PR_SET_VMA 0x53564d41
#endif
#ifndef PR_SET_VMA_ANON_NAME
#define PR_SET_VMA_ANON_NAME 0
#endif
#endif

#ifndef MAP_ANONYMOUS
#define MAP_ANONYMOUS MAP_ANON
#endif
#ifndef MAP_NORESERVE
#define MAP_NORESERVE 0
#endif

/* ---- The C heap ------------------------------------------------------------------------------ */

void *os_heap_alloc_aligned(size_t size, size_t align) {
  /* Not every C library looks whether size + align wraps. */
  if (align > OS_HEAP_MAX_ALIGN || size > PTRDIFF_MAX - align) return NULL;
  void *ptr = NULL;
  return posix_memalign(&ptr, align, size) == 0 ? ptr : NULL;
}

void *os_heap_realloc(void *ptr, size_t new_size, size_t align, bool raw) {
  (void)align;
  (void)raw;
  return realloc(ptr, os_heap_at_least(new_size));
}

bool os_heap_trim(void) {
#if defined(__GLIBC__)
  return malloc_trim(0) == 1;
#elif defined(__APPLE__)
  return malloc_zone_pressure_relief(NULL, 0) != 0;
#else
  return false;
#endif
}

#if defined(__GLIBC__)

/* mallinfo2 came with glibc 2.33. A weak reference lets one binary use it where it exists and load
   where it does not, whichever version it was built against. */
#if !__GLIBC_PREREQ(2, 33)
struct mallinfo2 {
  size_t arena, ordblks, smblks, hblks, hblkhd, usmblks, fsmblks, uordblks, fordblks, keepcost;
};
extern struct mallinfo2 mallinfo2(void);
#endif
#pragma weak mallinfo2

bool os_heap_get_info(os_heap_info_t *info) {
  if (mallinfo2 == NULL) return false;
  struct mallinfo2 const from = mallinfo2();
  info->in_use = (double)from.uordblks + (double)from.hblkhd;
  info->free = (double)from.fordblks;
  info->mmapped = (double)from.hblkhd;
  info->arena = (double)from.arena;
  info->free_blocks = (double)from.ordblks + (double)from.smblks;
  return true;
}

#elif defined(__APPLE__)

bool os_heap_get_info(os_heap_info_t *info) {
  malloc_statistics_t from;
  malloc_zone_statistics(NULL, &from); /* NULL: all zones together */
  info->in_use = (double)from.size_in_use;
  info->free = (double)from.size_allocated - (double)from.size_in_use;
  info->mmapped = 0;
  info->arena = (double)from.size_allocated;
  info->free_blocks = 0;
  return true;
}

#else

bool os_heap_get_info(os_heap_info_t *info) {
  (void)info;
  return false;
}

#endif

/* ---- The library itself ---------------------------------------------------------------------- */

bool os_keep_loaded(void const *inside) {
  Dl_info library;
  if (dladdr(inside, &library) == 0 || library.dli_fname == NULL) return false;
  return dlopen(library.dli_fname, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE) != NULL;
}

/* ---- Other libraries ------------------------------------------------------------------------- */

/* RTLD_LOCAL: what is named malloc there does not become everybody's. RTLD_NOW: what is missing is
   missed here and not in the middle of a call.

   Not RTLD_DEEPBIND, which would bind what the library calls to its own malloc first. Its C++
   runtime would go on to use the process's, and a string made by the one would be freed by the
   other. Without it all by-name calls go to the process's malloc, and what matters here goes by
   address. (AddressSanitizer refuses the flag altogether, and musl has none.) */
void *os_library_open(char const *name, char *why, size_t why_size) {
  int flags = RTLD_NOW | RTLD_LOCAL;
#ifdef RTLD_FIRST
  flags |= RTLD_FIRST; /* macOS: dlsym then looks into this library only */
#endif
  void *const library = dlopen(name, flags);
  if (library != NULL) return library;
  char const *const error = dlerror();
  (void)snprintf(why, why_size, "%s", error == NULL ? "it does not load" : error);
  return NULL;
}

/* dlsym goes on to what the library depends on, and nearly all depend on a C library's malloc. */
static bool is_defined_by(void *library, void *symbol) {
#ifdef __APPLE__
  (void)library;
  return symbol != NULL;
#elif defined(__GLIBC__)
  /* Which record of the loader it is, and nothing that is in there: another thread may be loading. */
  struct link_map *of_library, *of_symbol;
  Dl_info about;
  return symbol != NULL && dlinfo(library, RTLD_DI_LINKMAP, &of_library) == 0 &&
         dladdr1(symbol, &about, (void **)&of_symbol, RTLD_DL_LINKMAP) != 0 &&
         of_library == of_symbol;
#else
  struct link_map *map;
  Dl_info of_library, of_symbol;
  return symbol != NULL && dlinfo(library, RTLD_DI_LINKMAP, &map) == 0 &&
         dladdr(map->l_ld, &of_library) != 0 && dladdr(symbol, &of_symbol) != 0 &&
         of_library.dli_fbase == of_symbol.dli_fbase;
#endif
}

os_function_t *os_library_symbol(void *library, char const *name) {
  void *const symbol = dlsym(library, name);
  return is_defined_by(library, symbol) ? (os_function_t *)(uintptr_t)symbol : NULL;
}

/* ---- Pages ----------------------------------------------------------------------------------- */

size_t os_page_size(void) {
  long const size = sysconf(_SC_PAGESIZE);
  return size > 0 ? (size_t)size : 4096;
}

size_t os_page_granularity(void) {
  return os_page_size();
}

static void *map(void *hint, size_t size, int access, int flags) {
  void *const ptr = mmap(hint, size, access, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
  return ptr == MAP_FAILED ? NULL : ptr;
}

void *os_pages_reserve(size_t size, size_t align) {
  size_t const slack = align > os_page_size() ? align - os_page_size() : 0;
  if (size == 0 || size > SIZE_MAX - slack) return NULL;
  char *const from = map(NULL, size + slack, PROT_NONE, MAP_NORESERVE);
  if (from == NULL || slack == 0) return from;
  size_t const before = (size_t)(0 - (uintptr_t)from) & (align - 1);
  if (before > 0) os_pages_release(from, before);
  if (before < slack) os_pages_release(from + before + size, slack - before);
  return from + before;
}

bool os_pages_commit(void *ptr, size_t size) {
  return mprotect(ptr, size, PROT_READ | PROT_WRITE) == 0;
}

bool os_pages_decommit(void *ptr, size_t size) {
#ifdef __linux__
  return madvise(ptr, size, MADV_DONTNEED) == 0;
#else
  /* Elsewhere MADV_DONTNEED may keep the bytes; a new mapping in place of the old never does. */
  return map(ptr, size, PROT_NONE, MAP_FIXED | MAP_NORESERVE) != NULL;
#endif
}

bool os_pages_protect(void *ptr, size_t size, os_access_t access) {
  int const flags = access == OS_ACCESS_NONE   ? PROT_NONE
                    : access == OS_ACCESS_READ ? PROT_READ
                                               : PROT_READ | PROT_WRITE;
  return mprotect(ptr, size, flags) == 0;
}

/* A mapping like that of the reservation around it, with which the kernel makes one of it. */
bool os_pages_revoke(void *ptr, size_t size) {
  return map(ptr, size, PROT_NONE, MAP_FIXED | MAP_NORESERVE) != NULL;
}

size_t os_pages_most_mappings(void) {
  size_t most = 0;
#ifdef __linux__
  FILE *const file = fopen("/proc/sys/vm/max_map_count", "re");
  if (file == NULL) return 65530; /* what the kernel has unless told otherwise */
  if (fscanf(file, "%zu", &most) != 1) most = 65530;
  (void)fclose(file);
#endif
  return most;
}

/* Neighbouring mappings are one to the kernel, and unmapping the middle of one makes two, which
   fails at vm.max_map_count. Then the addresses stay taken, but not the memory. */
void os_pages_release(void *ptr, size_t size) {
  if (munmap(ptr, size) != 0) (void)os_pages_decommit(ptr, size);
}

bool os_pages_release_tail(void *ptr, size_t size) {
  return munmap(ptr, size) == 0;
}

bool os_pages_grow(void *ptr, size_t size, size_t new_size) {
#ifdef __linux__
  return mremap(ptr, size, new_size, 0) != MAP_FAILED;
#else
  /* The address behind is a wish; the kernel gives another one when it is taken. */
  char *const end = (char *)ptr + size;
  void *const more = map(end, new_size - size, PROT_READ | PROT_WRITE, MAP_NORESERVE);
  if (more == end) return true;
  if (more != NULL) os_pages_release(more, new_size - size);
  return false;
#endif
}

void *os_pages_move(void *ptr, size_t size, size_t new_size) {
#ifdef __linux__
  void *const moved = mremap(ptr, size, new_size, MREMAP_MAYMOVE);
  return moved == MAP_FAILED ? NULL : moved;
#else
  (void)ptr;
  (void)size;
  (void)new_size;
  return NULL;
#endif
}

bool os_pages_hint_huge(void *ptr, size_t size) {
#ifdef MADV_HUGEPAGE
  return madvise(ptr, size, MADV_HUGEPAGE) == 0;
#else
  (void)ptr;
  (void)size;
  return false;
#endif
}

bool os_pages_set_name(void *ptr, size_t size, char const *name) {
#ifdef __linux__
  return prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, (unsigned long)(uintptr_t)ptr,
               (unsigned long)size, (unsigned long)(uintptr_t)name) == 0;
#else
  (void)ptr;
  (void)size;
  (void)name;
  return false;
#endif
}

#else
/* ISO C wants a declaration in every translation unit. */
typedef int os_posix_is_not_for_windows;
#endif
