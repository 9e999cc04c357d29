/* code_test.c: what an address of machine code belongs to is what nm and readelf say. */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* popen */
#endif

#include "check.h"
#include "os.h"

#if !defined(__linux__)

static void code(void) {
  os_code_t code;
  CHECK(os_code_at((void const *)(uintptr_t)os_code_at, &code) && code.file != NULL);
}

int main(void) {
  RUN(code);
  return 0;
}

#else

#define LIBRARY FIXTURES "/callers.so"

static void *library;

static char const *function_at(char const *name) {
  char const *const function = (char const *)(uintptr_t)os_library_symbol(library, name);
  CHECK(function != NULL);
  return function;
}

/* The line of a command's output that has `wanted` in it. false: there is none. */
static bool line_of(char const *command, char const *wanted, char *line, int size) {
  bool found = false;
  fflush(stdout);
  FILE *const output = popen(command, "r");
  CHECK(output != NULL);
  while (!found && fgets(line, size, output) != NULL) found = strstr(line, wanted) != NULL;
  while (fgetc(output) != EOF) {
  }
  (void)pclose(output);
  return found;
}

static void functions_have_names_and_offsets(void) {
  os_code_t code;
  char line[256];
  char const *const function = function_at("caller_allocates");
  CHECK(os_code_at(function + 3, &code));
  CHECK(strcmp(code.function, "caller_allocates") == 0 && strcmp(code.file, LIBRARY) == 0);
  if (!line_of("nm -D '" LIBRARY "' 2>/dev/null", " caller_allocates", line, sizeof line)) {
    SKIP("nm (binutils) is not installed");
  }
  CHECK(code.offset == strtoull(line, NULL, 16) + 3);
}

static void build_ids_are_those_of_the_file(void) {
  os_code_t code;
  char line[256], id[2 * OS_BUILD_ID_MOST + 1] = "";
  CHECK(os_code_at(function_at("caller_of_caller"), &code));
  for (size_t i = 0; i < code.build_id_size; i++) {
    snprintf(id + 2 * i, 3, "%02x", code.build_id[i]);
  }
  CHECK(strcmp(id, "0123456789abcdef") == 0);
  if (!line_of("readelf -n '" LIBRARY "' 2>/dev/null", "Build ID: ", line, sizeof line)) {
    SKIP("readelf (binutils) is not installed");
  }
  CHECK(strncmp(strstr(line, "Build ID: ") + 10, id, strlen(id)) == 0);
}

static void what_is_not_exported_has_no_name_of_its_own(void) {
  os_code_t code;
  void *(*nobody)(void) = (void *(*)(void))(uintptr_t)function_at("caller_of_nobody");
  CHECK(os_code_at(nobody(), &code) && strcmp(code.file, LIBRARY) == 0);
  CHECK(code.function == NULL || strcmp(code.function, "not_exported") != 0);
  CHECK(code.offset != 0);
}

static void the_program_and_the_c_library_are_known(void) {
  os_code_t code;
  CHECK(os_code_at((void const *)(uintptr_t)os_code_at, &code));
  CHECK(strstr(code.file, "code_test") != NULL && code.offset != 0);
  CHECK(os_code_at((void const *)(uintptr_t)getenv, &code) && code.file != NULL);
}

static void what_is_no_code_is_nobodys(void) {
  os_code_t code;
  void *const block = malloc(64);
  int local = 0;
  CHECK(!os_code_at(NULL, &code) && code.file == NULL && code.build_id_size == 0);
  CHECK(!os_code_at(block, &code) && !os_code_at(&local, &code));
  CHECK(!os_code_at((void const *)UINTPTR_MAX, &code));
  free(block);
}

int main(void) {
  char why[200];
  library = os_library_open(LIBRARY, why, sizeof why);
  CHECK(library != NULL);
  RUN(functions_have_names_and_offsets);
  RUN(build_ids_are_those_of_the_file);
  RUN(what_is_not_exported_has_no_name_of_its_own);
  RUN(the_program_and_the_c_library_are_known);
  RUN(what_is_no_code_is_nobodys);
  return 0;
}

#endif
