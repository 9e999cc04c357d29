// shown_heaps.h: the heaps whose blocks ArrayBuffers show, and what each of them does about it.

#ifndef OH_SHOWN_HEAPS_H
#define OH_SHOWN_HEAPS_H

#include <cstddef>
#include <cstdint>

namespace offheap {

// As in lib/native/binding.ts. From kDynamic on: that plus the number of a dynamic heap.
enum class Heap : uint32_t { kLibc = 0, kPages = 1, kBorrowed = 2, kGc = 4, kDynamic = 1000 };

// Marks a live block as shown, so that only what follows ends it. false: none lives there that can be.
bool MarkShown(Heap heap, void *ptr);
size_t UsableSize(Heap heap, void *ptr);
// The mark is taken off, and the block lives on.
void Unshow(Heap heap, void *ptr);
void FreeShown(Heap heap, void *ptr);

}  // namespace offheap

#endif
