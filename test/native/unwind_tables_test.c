/* unwind_tables_test.c: what is read of unwind tables, for every function of every library in this
   process. Two others have read them too: the compiler's own unwinder, which says where there is a
   table, and readelf, which says what is in it. */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* dl_iterate_phdr, popen */
#endif

#include "check.h"
#include "unwind.h"

#if !defined(OH_UNWIND) || !defined(__GLIBC__)

static void tables(void) {
  SKIP("no such tables here");
}

int main(void) {
  RUN(tables);
  return 0;
}

#else

#include <link.h>
#include <sys/auxv.h>

typedef struct bases {
  void *text, *data, *function;
} bases_t;

/* libgcc's, which has no header. */
extern void const *_Unwind_Find_FDE(void *address, bases_t *bases);

static uint64_t asked;

static oh_unwind_kind_t find(uintptr_t address, oh_unwind_rule_t *rule) {
  uint64_t changes = 0;
  asked++;
  return oh_unwind_find(address, rule, &changes);
}

/* ---- Where there is a table ------------------------------------------------------------------ */

static void check_address(uintptr_t address, bool in_table) {
  bases_t bases;
  oh_unwind_rule_t rule;
  bool const found = _Unwind_Find_FDE((void *)address, &bases) != NULL;
  oh_unwind_kind_t const kind = find(address, &rule);
  CHECK(!in_table || found);
  /* Behind a frame that cannot be read it does not look where that ends. */
  CHECK(found || kind != OH_UNWIND_RULE);
  if (kind != OH_UNWIND_RULE) return;
  CHECK(rule.offset > 0 && rule.offset % 8 == 0);
  CHECK(rule.base_at % 8 == 0);
}

typedef struct table {
  int32_t start, entry; /* from the header                                                        */
} table_t;

/* The kernel's own library lies where an emulator has nothing. */
static int check_object(struct dl_phdr_info *info, size_t size, void *stride) {
  (void)size;
  for (int i = 0; i < info->dlpi_phnum; i++) {
    if (info->dlpi_phdr[i].p_type != PT_GNU_EH_FRAME) continue;
    unsigned char const *const header =
        (unsigned char const *)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr);
    uint32_t count;
    memcpy(&count, header + 8, sizeof count);
    CHECK(header[0] == 1 && header[2] == 0x03 && header[3] == 0x3b);
    for (uint32_t j = 0; j < count; j += *(unsigned *)stride) {
      table_t here, next;
      memcpy(&here, header + 12 + 8 * (size_t)j, sizeof here);
      memcpy(&next, header + 12 + 8 * (size_t)(j + 1 < count ? j + 1 : j), sizeof next);
      uintptr_t const start = (uintptr_t)header + (uintptr_t)(intptr_t)here.start;
      uintptr_t const length = (uintptr_t)(intptr_t)(next.start - here.start);
      uintptr_t const inside[] = {1, 4, length / 4, length / 2, length / 2 + 1, length - 1};
      check_address(start, true);
      for (unsigned k = 0; length > 4 && k < 6; k++) check_address(start + inside[k], false);
      check_address(start - 1, false);
    }
  }
  return 0;
}

static void every_function_is_read(void) {
  unsigned stride = 3;
  dl_iterate_phdr(check_object, &stride);
  CHECK(asked > 1000);
}

static void what_is_no_code_has_none(void) {
  uintptr_t const wrong[] = {
      0, 1, 4095, UINTPTR_MAX, UINTPTR_MAX / 2, (uintptr_t)&asked, (uintptr_t)&wrong,
  };
  oh_unwind_rule_t rule;
  for (unsigned i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    CHECK(find(wrong[i], &rule) == OH_UNWIND_NONE);
  }
}

/* ---- What is in it --------------------------------------------------------------------------- */

typedef struct object {
  char const *name; /* the end of its path; NULL: the program                                     */
  uintptr_t base;
  char path[512];
} object_t;

static int find_object(struct dl_phdr_info *info, size_t size, void *into) {
  object_t *const object = into;
  bool const is_program = info->dlpi_name[0] == '\0';
  (void)size;
  if (object->name == NULL ? !is_program : strstr(info->dlpi_name, object->name) == NULL) return 0;
  object->base = info->dlpi_addr;
  /* readelf would find itself under /proc/self. */
  char const *const program = (char const *)(uintptr_t)getauxval(AT_EXECFN);
  snprintf(object->path, sizeof object->path, "%s", is_program ? program : info->dlpi_name);
  return 1;
}

/* The columns of readelf's table: where CFA, rbp and the return address are. */
typedef struct columns {
  int rbp, ra;
} columns_t;

static columns_t read_columns(char *line) {
  columns_t columns = {-1, -1};
  int i = 0;
  for (char *word = strtok(line, " \n"); word != NULL; word = strtok(NULL, " \n"), i++) {
    if (strcmp(word, "rbp") == 0) columns.rbp = i;
    if (strcmp(word, "ra") == 0) columns.ra = i;
  }
  return columns;
}

/* What a row of that table says. */
static oh_unwind_kind_t expected_of(char *const *words, columns_t columns, oh_unwind_rule_t *rule) {
  char const *const cfa = words[1], *const ra = words[columns.ra];
  char const *const rbp = columns.rbp < 0 ? "u" : words[columns.rbp];
  if (strcmp(ra, "u") == 0) return OH_UNWIND_NONE;
  bool const from_base = strncmp(cfa, "rbp+", 4) == 0;
  if (!from_base && strncmp(cfa, "rsp+", 4) != 0) return OH_UNWIND_COMPLEX;
  if (strcmp(ra, "c-8") != 0) return OH_UNWIND_COMPLEX;
  bool const saved = strncmp(rbp, "c-", 2) == 0;
  if (!saved && strcmp(rbp, "u") != 0 && strcmp(rbp, "s") != 0) return OH_UNWIND_COMPLEX;
  *rule = (oh_unwind_rule_t){
      .from_base = from_base,
      .offset = (uint32_t)strtoul(cfa + 4, NULL, 10),
      .base_at = saved ? (uint32_t)strtoul(rbp + 2, NULL, 10) : 0,
  };
  return OH_UNWIND_RULE;
}

static void check_row(uintptr_t address, char *const *words, columns_t columns) {
  oh_unwind_rule_t expected = {0}, rule = {0};
  oh_unwind_kind_t const kind = expected_of(words, columns, &expected);
  CHECK(find(address, &rule) == kind);
  if (kind != OH_UNWIND_RULE) return;
  CHECK(rule.from_base == expected.from_base && rule.offset == expected.offset);
  CHECK(rule.base_at == expected.base_at);
}

enum { WORDS = 24 };

/* The words of a row; a register in another one, as r3 (rbx), is one word. */
static int read_row(char *line, char **words) {
  int count = 0;
  for (char *word = strtok(line, " \n"); word != NULL; word = strtok(NULL, " \n")) {
    if (*word != '(' && count < WORDS) words[count++] = word;
  }
  return count;
}

/* How many rows agree. -1: there is no readelf. */
static long compare_with_readelf(object_t const *object) {
  static char const format[] = "readelf --debug-dump=frames-interp '%s' 2>/dev/null";
  char command[600], line[512];
  snprintf(command, sizeof command, format, object->path);
  fflush(stdout);
  FILE *const readelf = popen(command, "r");
  CHECK(readelf != NULL);
  columns_t columns = {-1, -1};
  long rows = 0;
  bool is_signal = false;
  while (fgets(line, sizeof line, readelf) != NULL) {
    char *words[WORDS];
    if (strstr(line, " LOC ") != NULL) {
      columns = read_columns(line);
      continue;
    }
    if (strstr(line, " FDE ") != NULL || strstr(line, " CIE") != NULL) {
      if (strstr(line, " CIE") != NULL) is_signal = strstr(line, "zRS") != NULL;
      columns.ra = -1;
      continue;
    }
    int const count = read_row(line, words);
    uintptr_t const at = count == 0 ? 0 : (uintptr_t)strtoull(words[0], NULL, 16);
    /* The row of a common part is of no address. */
    if (at == 0 || columns.ra < 0 || count <= columns.ra || is_signal) continue;
    if (strcmp(words[1], "ZERO") == 0) continue; /* a terminator */
    check_row(object->base + at, words, columns);
    rows++;
  }
  (void)pclose(readelf);
  return rows == 0 ? -1 : rows;
}

static void compare_object(char const *name, long least) {
  object_t object = {.name = name};
  dl_iterate_phdr(find_object, &object);
  if (object.path[0] == '\0') SKIP("no such library here");
  long const rows = compare_with_readelf(&object);
  if (rows < 0) SKIP("readelf (binutils) is not installed");
  CHECK(rows >= least);
}

static void the_program_is_as_readelf_reads_it(void) {
  compare_object(NULL, 100);
}

static void the_c_library_is_as_readelf_reads_it(void) {
  compare_object("libc.so.6", 10000);
}

int main(void) {
  RUN(every_function_is_read);
  RUN(what_is_no_code_has_none);
  RUN(the_program_is_as_readelf_reads_it);
  RUN(the_c_library_is_as_readelf_reads_it);
  return 0;
}

#endif
