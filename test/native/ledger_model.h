/* ledger_model.h: a ledger as an array of blocks, whose sums are made anew each time they are asked
   for. For ledger_model_test.c. */

#ifndef OH_LEDGER_MODEL_H
#define OH_LEDGER_MODEL_H

#include "check.h"
#include "ledger_internal.h"

enum { MODEL_BLOCKS = 64, MODEL_NAMES = 3, MODEL_STACKS = 4 };

typedef struct model_block {
  uint64_t address;
  size_t size, align;
  uint32_t heap, name, stack;
  uint32_t record; /* while it is lifted; else 0                                                  */
  uint64_t ticket, order;
  double weight;
  bool heap_ended, handle, lost;
  unsigned handles; /* while it is not lost                                                       */
} model_block_t;

typedef struct model_site {
  double allocs, frees, total_bytes, peak_bytes, temporary;
} model_site_t;

typedef struct model {
  model_block_t blocks[MODEL_BLOCKS];
  unsigned count;
  model_site_t sites[MODEL_NAMES][MODEL_STACKS];
  double peak_bytes, unlisted, unlisted_live, unknown_frees;
  uint64_t order; /* of the newest block                                                          */
  uint64_t last;  /* order of the block that was allocated last, while it lives; else 0           */
} model_t;

static inline model_site_t *model_site(model_t *model, model_block_t const *block) {
  return &model->sites[block->name][block->stack];
}

static inline double model_kept(double weight) {
  return (double)(float)((double)(uint64_t)(weight * 4096 + 0.5) / 4096);
}

static inline int model_find(model_t const *model, uint32_t heap, uint64_t address) {
  for (unsigned i = 0; i < model->count; i++) {
    model_block_t const *const b = &model->blocks[i];
    if (b->record == 0 && b->heap == heap && b->address == address) return (int)i;
  }
  return -1;
}

static inline void model_forget(model_t *model, unsigned i) {
  model_block_t const block = model->blocks[i];
  model_site(model, &block)->frees += block.weight;
  if (model->last == block.order) {
    model_site(model, &block)->temporary += block.weight;
    model->last = 0;
  }
  model->blocks[i] = model->blocks[--model->count];
}

static inline void model_drop(model_t *model, uint32_t heap, uint64_t order, uint64_t from) {
  for (unsigned i = model->count; i-- > 0;) {
    model_block_t const *const b = &model->blocks[i];
    if (b->heap == heap && b->order > order && b->address >= from && b->record == 0) {
      model_forget(model, i);
    }
  }
}

/* What lives at a site, or at all. */
typedef struct model_sums {
  double blocks, bytes, held, lost;
} model_sums_t;

static inline model_sums_t model_sums(model_t const *model, int name, int stack) {
  model_sums_t sums = {0};
  for (unsigned i = 0; i < model->count; i++) {
    model_block_t const *const b = &model->blocks[i];
    if (name >= 0 && (b->name != (uint32_t)name || b->stack != (uint32_t)stack)) continue;
    double const bytes = b->weight * (double)b->size;
    sums.blocks += b->weight;
    sums.bytes += bytes;
    if (b->handle) *(b->lost ? &sums.lost : &sums.held) += bytes;
  }
  return sums;
}

/* After every operation: the peaks. */
static inline void model_settle(model_t *model) {
  for (int name = 0; name < MODEL_NAMES; name++) {
    for (int stack = 0; stack < MODEL_STACKS; stack++) {
      model_site_t *const site = &model->sites[name][stack];
      double const bytes = model_sums(model, name, stack).bytes;
      if (bytes > site->peak_bytes) site->peak_bytes = bytes;
    }
  }
  double const bytes = model_sums(model, -1, -1).bytes;
  if (bytes > model->peak_bytes) model->peak_bytes = bytes;
}

/* ---- Is the ledger like it? ------------------------------------------------------------------ */

/* To the last bit: no sum may round. */
static inline void check_site(model_t *model, oh_site_t const *site) {
  model_site_t const *const m = &model->sites[site->name][site->stack];
  model_sums_t const sums = model_sums(model, (int)site->name, (int)site->stack);
  CHECK(site->allocs == m->allocs && site->frees == m->frees);
  CHECK(site->total_bytes == m->total_bytes && site->peak_bytes == m->peak_bytes);
  CHECK(site->temporary == m->temporary);
  CHECK(site->live_blocks == sums.blocks && site->live_bytes == sums.bytes);
  CHECK(site->held_bytes == sums.held && site->lost_bytes == sums.lost);
}

static inline void check_sums(model_t *model, oh_ledger_t *ledger) {
  oh_ledger_totals_t totals;
  oh_site_t site;
  model_sums_t const sums = model_sums(model, -1, -1);
  unsigned sites = 0;
  for (int i = 0; i < MODEL_NAMES * MODEL_STACKS; i++) {
    sites += model->sites[i / MODEL_STACKS][i % MODEL_STACKS].allocs > 0;
  }
  oh_ledger_read(ledger, &totals);
  CHECK(totals.live_blocks == sums.blocks && totals.live_bytes == sums.bytes);
  CHECK(totals.peak_bytes == model->peak_bytes && totals.records == model->count);
  CHECK(totals.unknown_frees == model->unknown_frees && totals.unlisted == model->unlisted);
  CHECK(totals.sites == sites);
  for (uint32_t i = 1; i <= sites; i++) {
    CHECK(oh_ledger_site(ledger, i, &site));
    check_site(model, &site);
  }
  CHECK(!oh_ledger_site(ledger, 0, &site) && !oh_ledger_site(ledger, sites + 1, &site));
}

static inline void check_list(model_t const *model, oh_ledger_t *ledger, size_t most) {
  oh_live_block_t listed[MODEL_BLOCKS];
  uint32_t at = 0;
  unsigned seen = 0, lifted = 0;
  for (size_t n; (n = oh_ledger_list(ledger, &at, listed, most)) != 0;) {
    for (size_t i = 0; i < n; i++, seen++) {
      oh_live_block_t const *const l = &listed[i];
      unsigned same = 0;
      oh_site_t site;
      CHECK(oh_ledger_site(ledger, l->site, &site));
      for (unsigned j = 0; j < model->count; j++) {
        model_block_t const *const b = &model->blocks[j];
        same += b->record == 0 && b->address == (uintptr_t)l->ptr && b->size == l->size &&
                b->align == l->align && b->name == site.name && b->stack == site.stack;
      }
      CHECK(same >= 1 && l->thread >= 1 && l->age_ms < 600000);
    }
  }
  for (unsigned j = 0; j < model->count; j++) lifted += model->blocks[j].record != 0;
  CHECK(seen == model->count - lifted);
}

/* A cell is the number of blocks that are found in it, or has lost count. */
static inline void check_cells(model_t const *model, oh_ledger_t *ledger, uint8_t const *copy) {
  for (unsigned i = 0; i < model->count; i++) {
    model_block_t const *const b = &model->blocks[i];
    size_t const cell = oh_ledger_cell(b->address);
    unsigned expected = 0;
    if (b->record != 0) continue;
    for (unsigned j = 0; j < model->count; j++) {
      model_block_t const *const c = &model->blocks[j];
      expected += c->record == 0 && oh_ledger_cell(c->address) == cell;
    }
    CHECK(ledger->cells[cell] == expected);
    CHECK(oh_ledger_may_have(ledger, (void const *)(uintptr_t)b->address));
    CHECK(copy == NULL || copy[cell] == expected);
  }
}

static inline void check_all_cells(model_t const *model, oh_ledger_t *ledger, uint8_t const *copy) {
  unsigned sum = 0, found = 0;
  for (size_t i = 0; i < OH_LEDGER_CELLS; i++) {
    sum += ledger->cells[i];
    CHECK(copy == NULL || copy[i] == ledger->cells[i]);
  }
  for (unsigned i = 0; i < model->count; i++) found += model->blocks[i].record == 0;
  CHECK(sum == found);
}

#endif
