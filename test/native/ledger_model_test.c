/* ledger_model_test.c: random programs on a ledger and on a model of it, which must agree on every sum
   and every block after each step. */

#include "ledger_model.h"
#include "random.h"

enum { HEAPS = 5, STEPS = 400 };

static oh_ledger_t *ledger;
static model_t model;
static uint8_t cells[OH_LEDGER_CELLS];
static oh_cells_t copy = {.cells = cells};
static bool copied;
static uint32_t most_blocks;

typedef struct heap {
  uint32_t number, name;
  uint32_t key;    /* 0: of nobody else                                                           */
  uint32_t serial; /* of a checkpoint, ...                                                        */
  uint64_t order;  /* ... and what was the newest block then                                      */
} heap_t;

static heap_t heaps[HEAPS];

/* Few, so that they meet; some share a cell, and one is where lifted blocks are kept. */
static uint64_t some_address(void) {
  uint32_t const i = random_below(24);
  if (i == 0) return UINT64_MAX - 1 - random_below(8);
  return i % 3 == 0 ? (uint64_t)i << 36 | 0x70 : 0x7f0000000000u + 16 * i;
}

static double some_weight(void) {
  switch (random_below(4)) {
    case 0: return 1 + (double)random_below(1000) / 999;
    case 1: return (double)random_below(1u << 16) / 7 + 1;
    default: return 1;
  }
}

static void *at(uint64_t address) {
  return (void *)(uintptr_t)address;
}

static heap_t *some_heap(void) {
  return &heaps[random_below(HEAPS)];
}

/* ---- Operations ------------------------------------------------------------------------------ */

/* Another slot that has the same heap. */
static heap_t *other_of(heap_t const *heap) {
  for (unsigned i = 0; i < HEAPS; i++) {
    if (&heaps[i] != heap && heaps[i].number == heap->number) return &heaps[i];
  }
  return NULL;
}

static void do_add_heap(heap_t *heap) {
  heap->number = 0;
  heap->name = random_below(MODEL_NAMES);
  heap->key = random_below(4) == 0 ? 1 + random_below(2) : 0;
  heap->serial = 0;
  heap->order = 0;
  heap->number = heap->key == 0 ? oh_ledger_add_heap(ledger, heap->name)
                                : oh_ledger_join_heap(ledger, heap->name, heap->key);
  CHECK(heap->number != 0);
  heap_t const *joined = NULL;
  for (unsigned i = 0; i < HEAPS; i++) {
    bool const same = heap->key != 0 && heaps[i].key == heap->key;
    CHECK(&heaps[i] == heap || heaps[i].number == 0 || (heaps[i].number == heap->number) == same);
    if (&heaps[i] != heap && heaps[i].number != 0 && same) joined = &heaps[i];
  }
  if (joined != NULL) {
    heap->name = joined->name;
    return;
  }
  for (unsigned i = 0; i < model.count; i++) CHECK(model.blocks[i].heap != heap->number);
}

static void do_add(void) {
  heap_t const *const heap = some_heap();
  model_block_t block = {
      .address = some_address(),
      .size = random_below(3) == 0 ? random_below(1u << 18) : random_below(100),
      .align = (size_t)1 << random_below(13),
      .heap = heap->number,
      .name = heap->name,
      .stack = random_below(MODEL_STACKS),
      .weight = some_weight(),
      .handle = random_below(2) == 0,
  };
  block.handles = block.handle ? 1 : 0;
  oh_record_t const record = {
      .ptr = at(block.address),
      .size = block.size,
      .align = block.align,
      .heap = block.heap,
      .stack = block.stack,
      .weight = block.weight,
      .has_handle = block.handle,
  };
  int const stale = model_find(&model, block.heap, block.address);
  if (stale >= 0) model_forget(&model, (unsigned)stale);
  block.weight = model_kept(block.weight);
  model_site(&model, &block)->allocs += block.weight;
  model_site(&model, &block)->total_bytes += block.weight * (double)block.size;
  model.last = 0;
  block.ticket = oh_ledger_add(ledger, &record);
  CHECK((block.ticket == 0) == (model.count >= most_blocks) && block.ticket >> 52 == 0);
  if (block.ticket == 0) {
    model.unlisted += block.weight;
    model.unlisted_live += block.weight;
    return;
  }
  model.last = block.order = ++model.order;
  model.blocks[model.count++] = block;
}

static void do_remove(void) {
  heap_t const *const heap = some_heap();
  uint64_t const address = some_address();
  int const i = model_find(&model, heap->number, address);
  if (i >= 0) CHECK(oh_ledger_may_have(ledger, at(address)));
  CHECK(oh_ledger_remove(ledger, heap->number, at(address)) == (i >= 0));
  if (i >= 0) model_forget(&model, (unsigned)i);
}

static void do_lift(void) {
  heap_t const *const heap = some_heap();
  uint64_t const address = some_address();
  int const i = model_find(&model, heap->number, address);
  uint32_t const record = oh_ledger_lift(ledger, heap->number, at(address));
  CHECK((record != 0) == (i >= 0));
  if (i >= 0) model.blocks[i].record = record;
}

/* A lifted block is put somewhere, or back, or struck out. */
static void do_settle(model_block_t *block) {
  uint32_t const record = block->record;
  if (random_below(3) == 0) {
    CHECK(oh_ledger_add_handle(ledger, record) == block->ticket);
    block->handles = block->lost ? 1 : block->handles + 1;
    block->handle = true;
    block->lost = false;
  }
  uint32_t const what = random_below(3);
  if (what == 2) {
    oh_ledger_strike(ledger, record);
    model_forget(&model, (unsigned)(block - model.blocks));
    return;
  }
  uint64_t const address = what == 0 ? some_address() : block->address;
  size_t const size = what == 0 ? random_below(1u << 18) : block->size;
  uint64_t const order = block->order;
  if (what == 0) oh_ledger_put(ledger, record, at(address), size);
  else oh_ledger_put_back(ledger, record, at(address));
  int const stale = model_find(&model, block->heap, address);
  if (stale >= 0) model_forget(&model, (unsigned)stale);
  unsigned i = 0; /* it may have another place now */
  while (model.blocks[i].order != order) i++;
  block = &model.blocks[i];
  if (size > block->size) {
    model_site(&model, block)->total_bytes += block->weight * (double)(size - block->size);
  }
  block->address = address;
  block->size = size;
  block->record = 0;
  model_settle(&model);
  if (block->heap_ended) model_forget(&model, i);
}

static void do_settle_one(void) {
  for (unsigned i = 0; i < model.count; i++) {
    if (model.blocks[i].record != 0) return do_settle(&model.blocks[i]);
  }
}

static void do_lose(void) {
  static uint64_t gone;
  CHECK(!oh_ledger_lose(ledger, 0) && !oh_ledger_lose(ledger, ((uint64_t)1 << 52) - 1));
  if (model.count == 0) return;
  model_block_t *const block = &model.blocks[random_below(model.count)];
  CHECK(oh_ledger_lose(ledger, block->ticket));
  if (block->handles > 1) {
    block->handles--;
  } else {
    block->lost = block->handle = true;
    block->handles = 0;
  }
  for (unsigned i = 0; i < model.count; i++) {
    if (model.blocks[i].ticket == gone) gone = 0;
  }
  CHECK(gone == 0 || !oh_ledger_lose(ledger, gone));
  gone = block->ticket;
}

static void do_drop(void) {
  heap_t *const heap = some_heap();
  if (random_below(2) == 0) {
    heap->serial = oh_ledger_newest(ledger);
    heap->order = model.order;
    return;
  }
  bool const all = random_below(3) == 0;
  uint64_t const from = random_below(2) == 0 ? 0 : some_address();
  oh_ledger_drop(ledger, heap->number, all ? 0 : heap->serial, at(from));
  model_drop(&model, heap->number, all ? 0 : heap->order, from);
}

static void end_heap(heap_t *heap) {
  oh_ledger_end_heap(ledger, heap->number);
  if (other_of(heap) != NULL) return;
  model_drop(&model, heap->number, 0, 0);
  for (unsigned i = 0; i < model.count; i++) {
    if (model.blocks[i].heap == heap->number) model.blocks[i].heap_ended = true;
  }
}

static void do_end_heap(void) {
  heap_t *const heap = some_heap();
  end_heap(heap);
  do_add_heap(heap);
}

static void do_unknown(void) {
  oh_ledger_unknown(ledger);
  if (model.unlisted_live >= 1) model.unlisted_live--;
  else model.unknown_frees++;
}

static void do_copy_cells(void) {
  oh_ledger_remove_cells(ledger, &copy);
  copied = random_below(3) != 0;
  memset(cells, 0xaa, sizeof cells);
  if (copied) oh_ledger_add_cells(ledger, &copy);
  check_all_cells(&model, ledger, copied ? cells : NULL);
}

static void step(void) {
  uint32_t const what = random_below(100);
  if (what < 45) { if (model.count < MODEL_BLOCKS) do_add(); }
  else if (what < 62) do_remove();
  else if (what < 72) do_lift();
  else if (what < 82) do_settle_one();
  else if (what < 90) do_lose();
  else if (what < 95) do_drop();
  else if (what < 97) do_end_heap();
  else if (what < 99) do_unknown();
  else do_copy_cells();
}

/* ---- Programs -------------------------------------------------------------------------------- */

static void run_program(unsigned seed) {
  random_state = seed;
  memset(&model, 0, sizeof model);
  memset(heaps, 0, sizeof heaps);
  copied = false;
  most_blocks = seed % 3 == 0 ? 1 + random_below(20) : MODEL_BLOCKS;
  ledger = oh_ledger_make(most_blocks);
  CHECK(ledger != NULL);
  /* Numbers that go around in the midst of it. */
  if (seed % 2 == 0) ledger->serial = UINT32_MAX - random_below(100);
  for (unsigned i = 0; i < HEAPS; i++) do_add_heap(&heaps[i]);
  for (unsigned i = 0; i < STEPS; i++) {
    step();
    model_settle(&model);
    check_sums(&model, ledger);
    check_list(&model, ledger, 1 + i % MODEL_BLOCKS);
    check_cells(&model, ledger, copied ? cells : NULL);
  }
  check_all_cells(&model, ledger, copied ? cells : NULL);
  for (unsigned i = 0; i < HEAPS; i++) {
    end_heap(&heaps[i]);
    heaps[i].number = 0;
  }
  for (unsigned i = 0; i < model.count; i++) oh_ledger_strike(ledger, model.blocks[i].record);
}

/* Where weights are no whole numbers too. */
static void check_that_all_is_even(void) {
  oh_ledger_totals_t totals;
  oh_site_t site;
  oh_ledger_read(ledger, &totals);
  CHECK(totals.live_blocks == 0 && totals.live_bytes == 0 && totals.records == 0);
  for (uint32_t i = 1; oh_ledger_site(ledger, i, &site); i++) {
    CHECK(site.live_blocks == 0 && site.live_bytes == 0);
    CHECK(site.held_bytes == 0 && site.lost_bytes == 0);
    CHECK(site.allocs == site.frees || totals.unlisted > 0);
  }
}

static void random_programs_do_as_the_model(void) {
  for (unsigned seed = 1; seed <= 60; seed++) {
    run_program(seed);
    check_that_all_is_even();
    oh_ledger_let_go(ledger);
  }
}

int main(void) {
  RUN(random_programs_do_as_the_model);
  return 0;
}
