/* yyjson.c: a small reader of JSON arrays of integers that uses its allocator as yyjson does.

   Debian 12 has no yyjson. What its header (yyjson.h, 0.10.0) says of a yyjson_alc: malloc, realloc and
   free get ctx first; realloc also the old size; realloc and free get no NULL; the struct is copied into the
   document, and the document's memory is freed through it. */

#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct yyjson_alc {
  void *(*malloc)(void *ctx, size_t size);
  void *(*realloc)(void *ctx, void *ptr, size_t old_size, size_t size);
  void (*free)(void *ctx, void *ptr);
  void *ctx;
} yyjson_alc;

typedef struct doc {
  yyjson_alc alc;
  int64_t *values;
  size_t count, room;
  char *text;
} doc;

void doc_free(doc *d) {
  yyjson_alc const alc = d->alc;
  alc.free(alc.ctx, d->values);
  alc.free(alc.ctx, d->text);
  memset(&d->alc, 0, sizeof d->alc);
  alc.free(alc.ctx, d);
}

static int push(doc *d, int64_t value) {
  if (d->count == d->room) {
    size_t const room = d->room * 2;
    void *const values = d->alc.realloc(d->alc.ctx, d->values, d->room * sizeof value,
                                        room * sizeof value);
    if (values == NULL) return 0;
    d->values = values;
    d->room = room;
  }
  d->values[d->count++] = value;
  return 1;
}

static int read_all(doc *d) {
  char const *at = d->text + 1;
  while (*at != ']' && *at != 0) {
    int64_t value = 0;
    while (*at >= '0' && *at <= '9') value = value * 10 + (*at++ - '0');
    if (!push(d, value)) return 0;
    if (*at == ',') at++;
  }
  return 1;
}

/* NULL: out of memory, and nothing is left. */
doc *doc_read(char const *text, size_t size, yyjson_alc const *alc) {
  doc *const d = alc->malloc(alc->ctx, sizeof *d);
  if (d == NULL) return NULL;
  *d = (doc){.alc = *alc, .room = 4};
  d->values = alc->malloc(alc->ctx, d->room * sizeof *d->values);
  d->text = alc->malloc(alc->ctx, size + 1);
  if (d->values == NULL || d->text == NULL) {
    if (d->values != NULL) alc->free(alc->ctx, d->values);
    if (d->text != NULL) alc->free(alc->ctx, d->text);
    alc->free(alc->ctx, d);
    return NULL;
  }
  memcpy(d->text, text, size);
  d->text[size] = 0;
  if (read_all(d)) return d;
  doc_free(d);
  return NULL;
}

int64_t doc_sum(doc const *d) {
  int64_t sum = 0;
  for (size_t i = 0; i < d->count; i++) sum += d->values[i];
  return sum;
}
