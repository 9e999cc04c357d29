/* os_code_win32.c: the clock and the machine code that runs, for os.h. Windows walks stacks by tables
   of its own and keeps what it reads of them. It knows no symbols without its debugging library: an
   address is a module and an offset, which symbolizers understand. */

#ifdef _WIN32

#ifndef WIN32_LEAN_AND_MEAN
#define WIN32_LEAN_AND_MEAN
#endif
#include <windows.h>

#include "os.h"

#include <string.h>

uint64_t os_clock_ms(void) {
  return GetTickCount64();
}

size_t os_backtrace(void **addresses, size_t most) {
  return CaptureStackBackTrace(1, (DWORD)(most < 62 ? most : 62), addresses, NULL);
}

typedef struct module {
  struct module *next;
  HMODULE handle;
  char name[MAX_PATH];
} module_t;

static os_mutex_t lock = OS_MUTEX_INIT;
static module_t *modules;

static module_t *find(HMODULE handle) {
  module_t *module = modules;
  while (module != NULL && module->handle != handle) module = module->next;
  return module;
}

static module_t *enter(HMODULE handle) {
  module_t *const module = (module_t *)os_heap_alloc(sizeof *module, OS_HEAP_ALIGN);
  if (module == NULL) return NULL;
  module->handle = handle;
  if (GetModuleFileNameA(handle, module->name, MAX_PATH) == 0) module->name[0] = '\0';
  module->name[MAX_PATH - 1] = '\0';
  module->next = modules;
  return modules = module;
}

/* A name stays: there are few modules. NULL: no memory. */
static char const *name_of(HMODULE handle) {
  os_mutex_lock(&lock);
  module_t *module = find(handle);
  if (module == NULL) module = enter(handle);
  os_mutex_unlock(&lock);
  return module == NULL ? NULL : module->name;
}

bool os_code_at(void const *address, os_code_t *code) {
  HMODULE handle = NULL;
  DWORD const flags =
      GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT;
  memset(code, 0, sizeof *code);
  if (!GetModuleHandleExA(flags, (LPCSTR)address, &handle)) return false;
  code->file = name_of(handle);
  code->offset = (uintptr_t)address - (uintptr_t)handle;
  return code->file != NULL;
}

#endif
