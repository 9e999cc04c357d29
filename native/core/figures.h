/* figures.h: what a strategy tells of itself, as `stats()` does in TypeScript. */

#ifndef OH_FIGURES_H
#define OH_FIGURES_H

#include <stdint.h>

typedef struct oh_figures {
  uint64_t capacity;       /* the most payload there can be                                      */
  uint64_t used, peak;     /* bytes of live blocks, and the most that they were                  */
  uint64_t footprint;      /* bytes that are occupied, metadata and holes counted, and the ...   */
  uint64_t peak_footprint; /* ... most that they were                                            */
} oh_figures_t;

#endif
