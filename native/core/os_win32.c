/* os_win32.c: os.h for Windows.

   The heap is the C runtime's. Raw blocks are malloc's own; all others come from _aligned_malloc,
   whose blocks only the other _aligned_ functions understand. That is why os.h asks each time
   whether a block is raw.

   Pages are VirtualAlloc's: addresses are reserved in units of 64 KiB and committed by the page. A
   reservation can only be released as a whole, cannot grow and cannot move, so those functions say
   that they cannot.

   Costs: as malloc; one system call for each call on pages. */

#ifdef _WIN32

#ifndef WIN32_LEAN_AND_MEAN
#define WIN32_LEAN_AND_MEAN
#endif
#include <windows.h>

#include "os.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef __MINGW32__
/* In the universal C runtime, but not in this compiler's headers. */
size_t __cdecl _aligned_msize(void *ptr, size_t align, size_t offset);
#endif

/* ---- The C heap ------------------------------------------------------------------------------ */

static size_t at_least_aligned(size_t size) {
  return size < OS_HEAP_ALIGN ? OS_HEAP_ALIGN : size;
}

/* What _aligned_malloc is given, and so what its siblings must be given again. */
static size_t heap_align(size_t align) {
  return align < OS_HEAP_ALIGN ? OS_HEAP_ALIGN : align;
}

void *os_heap_alloc(size_t size, size_t align) {
  if (align > OS_HEAP_MAX_ALIGN || size > PTRDIFF_MAX - align) return NULL;
  return _aligned_malloc(at_least_aligned(size), heap_align(align));
}

void *os_heap_alloc_raw(size_t size) {
  return malloc(at_least_aligned(size));
}

void os_heap_free(void *ptr, bool raw) {
  if (raw) {
    free(ptr);
  } else {
    _aligned_free(ptr);
  }
}

void *os_heap_realloc(void *ptr, size_t new_size, size_t align, bool raw) {
  if (new_size > PTRDIFF_MAX - heap_align(align)) return NULL;
  if (raw) return realloc(ptr, at_least_aligned(new_size));
  return _aligned_realloc(ptr, at_least_aligned(new_size), heap_align(align));
}

size_t os_heap_usable(void *ptr, size_t align, bool raw) {
  return raw ? _msize(ptr) : _aligned_msize(ptr, heap_align(align), 0);
}

bool os_heap_trim(void) {
  return _heapmin() == 0;
}

/* The runtime offers a walk over every block under the heap's lock; that is no way to read a
   sum. */
bool os_heap_get_info(os_heap_info_t *info) {
  (void)info;
  return false;
}

/* ---- The library itself ---------------------------------------------------------------------- */

bool os_keep_loaded(void const *inside) {
  HMODULE library;
  return GetModuleHandleExA(
             GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | GET_MODULE_HANDLE_EX_FLAG_PIN,
             (LPCSTR)inside, &library) != 0;
}

/* ---- Other libraries ------------------------------------------------------------------------- */

#define LONGEST_NAME 1024

/* A name is looked for beside the program and in the system's folder, never in the current one; a
   path's own libraries beside it. */
void *os_library_open(char const *name, char *why, size_t why_size) {
  wchar_t wide[LONGEST_NAME];
  bool const path = strpbrk(name, "/\\") != NULL;
  HMODULE library = NULL;
  if (MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, name, -1, wide, LONGEST_NAME) != 0) {
    for (wchar_t *at = wide; *at != 0; at++) {
      if (*at == L'/') *at = L'\\'; /* an altered search path knows no other */
    }
    library = LoadLibraryExW(
        wide, NULL, path ? LOAD_WITH_ALTERED_SEARCH_PATH : LOAD_LIBRARY_SEARCH_DEFAULT_DIRS);
  }
  if (library == NULL) {
    (void)snprintf(why, why_size, "%s: error %lu", name, (unsigned long)GetLastError());
  }
  return library;
}

/* GetProcAddress looks nowhere else. */
os_function_t *os_library_symbol(void *library, char const *name) {
  return (os_function_t *)(uintptr_t)GetProcAddress((HMODULE)library, name);
}

/* ---- Pages ----------------------------------------------------------------------------------- */

size_t os_page_size(void) {
  SYSTEM_INFO info;
  GetSystemInfo(&info);
  return info.dwPageSize;
}

size_t os_page_granularity(void) {
  SYSTEM_INFO info;
  GetSystemInfo(&info);
  return info.dwAllocationGranularity;
}

/* A reservation cannot be trimmed. So a larger one finds an aligned address and is given back, and
   the address is asked for by name; another thread may have taken it by then. */
static void *reserve_aligned(size_t size, size_t align) {
  if (size > SIZE_MAX - align) return NULL;
  for (int attempt = 0; attempt < 8; attempt++) {
    void *const from = VirtualAlloc(NULL, size + align, MEM_RESERVE, PAGE_NOACCESS);
    if (from == NULL) return NULL;
    uintptr_t const aligned = ((uintptr_t)from + align - 1) & ~(uintptr_t)(align - 1);
    VirtualFree(from, 0, MEM_RELEASE);
    void *const ptr = VirtualAlloc((void *)aligned, size, MEM_RESERVE, PAGE_NOACCESS);
    if (ptr != NULL) return ptr;
  }
  return NULL;
}

void *os_pages_reserve(size_t size, size_t align) {
  if (size == 0) return NULL;
  if (align > os_page_granularity()) return reserve_aligned(size, align);
  return VirtualAlloc(NULL, size, MEM_RESERVE, PAGE_NOACCESS);
}

bool os_pages_commit(void *ptr, size_t size) {
  return VirtualAlloc(ptr, size, MEM_COMMIT, PAGE_READWRITE) != NULL;
}

bool os_pages_decommit(void *ptr, size_t size) {
  return VirtualFree(ptr, size, MEM_DECOMMIT) != 0;
}

bool os_pages_revoke(void *ptr, size_t size) {
  return os_pages_decommit(ptr, size);
}

size_t os_pages_most_mappings(void) {
  return 0;
}

bool os_pages_protect(void *ptr, size_t size, os_access_t access) {
  DWORD const flags = access == OS_ACCESS_NONE   ? PAGE_NOACCESS
                      : access == OS_ACCESS_READ ? PAGE_READONLY
                                                 : PAGE_READWRITE;
  DWORD before;
  return VirtualProtect(ptr, size, flags, &before) != 0;
}

void os_pages_release(void *ptr, size_t size) {
  (void)size;
  VirtualFree(ptr, 0, MEM_RELEASE);
}

bool os_pages_release_tail(void *ptr, size_t size) {
  (void)ptr;
  (void)size;
  return false;
}

bool os_pages_grow(void *ptr, size_t size, size_t new_size) {
  (void)ptr;
  (void)size;
  (void)new_size;
  return false;
}

void *os_pages_move(void *ptr, size_t size, size_t new_size) {
  (void)ptr;
  (void)size;
  (void)new_size;
  return NULL;
}

/* Large pages need a privilege that processes do not have, and are never lazy. */
bool os_pages_hint_huge(void *ptr, size_t size) {
  (void)ptr;
  (void)size;
  return false;
}

bool os_pages_set_name(void *ptr, size_t size, char const *name) {
  (void)ptr;
  (void)size;
  (void)name;
  return false;
}

#else
/* ISO C wants a declaration in every translation unit. */
typedef int os_win32_is_for_windows;
#endif
