/* numbered_test.c: things with numbers, against an array of them. */

#include "check.h"
#include "numbered.h"
#include "random.h"

#ifdef __linux__
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#endif

typedef struct thing {
  oh_entry_t entry;
  uint64_t value;
} thing_t;

static thing_t *thing(oh_numbered_t const *all, uint32_t n) {
  return (thing_t *)oh_numbered_at(all, n);
}

/* How often thing n is in the bucket of a hash. */
static unsigned times_in_bucket(oh_numbered_t const *all, uint32_t n, uint32_t hash) {
  unsigned times = 0;
  uint32_t steps = 0;
  for (uint32_t i = oh_numbered_first(all, hash); i != 0; i = thing(all, i)->entry.next) {
    times += i == n;
    CHECK(++steps <= all->count);
  }
  return times;
}

/* ---- Against a model --------------------------------------------------------------------------- */

enum { MOST = 60 };

typedef struct model {
  uint32_t number;
  uint32_t hash;
  uint64_t value;
  thing_t *at;
} model_t;

static model_t live[MOST];
static unsigned count;

static void check_all(oh_numbered_t const *all, uint32_t most_ever) {
  CHECK(all->count == count && all->highest == most_ever);
  for (unsigned i = 0; i < count; i++) {
    model_t const *const m = &live[i];
    CHECK(thing(all, m->number) == m->at && m->at->value == m->value);
    CHECK(m->at->entry.hash == m->hash && times_in_bucket(all, m->number, m->hash) == 1);
  }
}

/* Some hashes are the same, some share their low bits, some nothing. */
static uint32_t some_hash(void) {
  switch (random_below(4)) {
    case 0: return random_below(4);
    case 1: return random_below(8) << 28 | 5;
    case 2: return UINT32_MAX - random_below(3);
    default: return (uint32_t)random_bits();
  }
}

static void add(oh_numbered_t *all) {
  model_t *const m = &live[count];
  *m = (model_t){.hash = some_hash(), .value = random_bits()};
  m->number = oh_numbered_add(all, m->hash);
  CHECK(m->number != 0);
  for (unsigned i = 0; i < count; i++) CHECK(live[i].number != m->number);
  count++;
  m->at = thing(all, m->number);
  CHECK(m->at->value == 0); /* zeroed, though another was there */
  m->at->value = m->value;
}

static void random_programs_do_as_the_model(void) {
  for (unsigned program = 0; program < 60; program++) {
    oh_numbered_t all;
    uint32_t most_ever = 0;
    random_state = program;
    count = 0;
    oh_numbered_init(&all, sizeof(thing_t));
    CHECK(oh_numbered_first(&all, 0) == 0 && oh_numbered_bytes(&all) == 0);
    unsigned const target = 1 + random_below(MOST);
    for (unsigned step = 0; step < 300; step++) {
      unsigned const i = count == 0 ? 0 : random_below(count);
      unsigned const what = random_below(10);
      if (count == 0 || (count < target && what < 5)) {
        add(&all);
        if (count > most_ever) most_ever = count;
      } else if (what < 8) {
        oh_numbered_remove(&all, live[i].number);
        live[i] = live[--count];
      } else {
        live[i].hash = some_hash();
        oh_numbered_rehash(&all, live[i].number, live[i].hash);
      }
      check_all(&all, most_ever);
    }
    oh_numbered_end(&all);
    CHECK(all.count == 0 && all.highest == 0 && oh_numbered_first(&all, 0) == 0);
  }
}

/* ---- Many -------------------------------------------------------------------------------------- */

enum { MANY = 100000 };

static void things_stay_where_they_are_while_buckets_split(void) {
  static thing_t *at[MANY + 1];
  oh_numbered_t all;
  oh_numbered_init(&all, sizeof(thing_t));
  for (uint32_t i = 1; i <= MANY; i++) {
    CHECK(oh_numbered_add(&all, oh_hash64(i)) == i);
    at[i] = thing(&all, i);
    at[i]->value = i;
  }
  CHECK(all.buckets == MANY);
  size_t longest = 0;
  for (uint32_t i = 1; i <= MANY; i++) {
    CHECK(thing(&all, i) == at[i] && at[i]->value == i);
    CHECK(times_in_bucket(&all, i, oh_hash64(i)) == 1);
    size_t length = 0;
    uint32_t n = oh_numbered_first(&all, oh_hash64(i));
    for (; n != 0; n = thing(&all, n)->entry.next) length++;
    if (length > longest) longest = length;
  }
  CHECK(longest < 24); /* with hashes that are spread */
  CHECK(oh_numbered_bytes(&all) == MANY * (sizeof(thing_t) + sizeof(uint32_t)));
  oh_numbered_end(&all);
}

static void numbers_are_given_again(void) {
  static bool taken[2001];
  oh_numbered_t all;
  oh_numbered_init(&all, sizeof(thing_t));
  for (uint32_t i = 1; i <= 2000; i++) CHECK(oh_numbered_add(&all, i) == i);
  for (uint32_t i = 2; i <= 2000; i += 2) oh_numbered_remove(&all, i);
  for (uint32_t i = 0; i < 1000; i++) {
    uint32_t const n = oh_numbered_add(&all, i * 77);
    CHECK(n >= 2 && n <= 2000 && n % 2 == 0 && !taken[n]);
    taken[n] = true;
  }
  CHECK(oh_numbered_add(&all, 1) == 2001);
  oh_numbered_end(&all);
}

/* The last item that there can be is the last of its chunk. Nothing is read there. */
static void chunks_hold_all_numbers(void) {
  uintptr_t volatile const at = 4096;
  oh_chunks_t chunks = {{NULL}};
  for (uint32_t level = 0; level < OH_CHUNKS; level++) {
    uint64_t const first = ((uint64_t)1 << (level + OH_CHUNK_BITS)) - (1u << OH_CHUNK_BITS);
    chunks.chunk[level] = (void *)at;
    CHECK((uintptr_t)oh_chunks_at(&chunks, (uint32_t)first, 8) == at);
    CHECK((uintptr_t)oh_chunks_at(&chunks, (uint32_t)first + 1, 8) == at + 8);
    chunks.chunk[level] = NULL;
  }
  chunks.chunk[OH_CHUNKS - 1] = (void *)at;
  uint32_t const last = UINT32_MAX - (1u << OH_CHUNK_BITS);
  CHECK((uintptr_t)oh_chunks_at(&chunks, last, 1) == at + ((size_t)1 << 31) - 1);
}

/* ---- Out of memory ----------------------------------------------------------------------------- */

static void what_no_system_has_is_an_answer(void) {
  oh_numbered_t all;
  oh_numbered_init(&all, (size_t)1 << 48);
  for (unsigned i = 0; i < 10; i++) CHECK(oh_numbered_add(&all, i) == 0);
  CHECK(all.count == 0 && all.highest == 0);
  oh_numbered_end(&all);
}

#ifdef __linux__

/* Adds until there is no more address space than `rest` bytes. */
static void fill_what_is_left(size_t rest) {
  unsigned long pages = 0;
  FILE *const file = fopen("/proc/self/statm", "r");
  CHECK(file != NULL && fscanf(file, "%lu", &pages) == 1);
  fclose(file);
  rlim_t const bytes = (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE) + rest;
  struct rlimit const limit = {bytes, bytes};
  CHECK(setrlimit(RLIMIT_AS, &limit) == 0);

  oh_numbered_t all;
  uint32_t n = 0, last = 0;
  oh_numbered_init(&all, sizeof(thing_t));
  while ((n = oh_numbered_add(&all, oh_hash64(last + 1))) != 0) {
    thing(&all, n)->value = last = n;
    CHECK(n < 1u << 24);
  }
  CHECK(last > 1000 && all.count == last && oh_numbered_add(&all, 1) == 0);
  for (uint32_t i = 1; i <= last; i++) {
    CHECK(thing(&all, i)->value == i && times_in_bucket(&all, i, oh_hash64(i)) == 1);
  }
  oh_numbered_remove(&all, 7);
  CHECK(oh_numbered_add(&all, 1) == 7);
  oh_numbered_end(&all);
}

static bool under_valgrind(void) {
  char const *const preloaded = getenv("LD_PRELOAD");
  return preloaded != NULL && strstr(preloaded, "vgpreload") != NULL;
}

static void when_memory_runs_out_what_is_there_stays(void) {
  if (under_valgrind()) SKIP("valgrind needs address space of its own");
  for (size_t rest = (size_t)1 << 18; rest <= (size_t)1 << 22; rest += rest / 2) {
    fflush(stdout);
    pid_t const child = fork();
    CHECK(child >= 0);
    if (child == 0) {
      fill_what_is_left(rest);
      _exit(0);
    }
    int status;
    CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
  }
}

#else

static void when_memory_runs_out_what_is_there_stays(void) {
  SKIP("address space has no limit here");
}

#endif

int main(void) {
  RUN(random_programs_do_as_the_model);
  RUN(things_stay_where_they_are_while_buckets_split);
  RUN(numbers_are_given_again);
  RUN(chunks_hold_all_numbers);
  RUN(what_no_system_has_is_an_answer);
  RUN(when_memory_runs_out_what_is_there_stays);
  return 0;
}
