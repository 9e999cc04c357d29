// shown_heaps.cc: which heap does what; borrowed memory is nobody's here.

#include "shown_heaps.h"

extern "C" {
#include "dynamic.h"
#include "gc.h"
#include "libc.h"
#include "pages.h"
}

namespace offheap {

static oh_dynamic_t *Dynamic(Heap heap) {
  return oh_dynamic_at(static_cast<uint32_t>(heap) - static_cast<uint32_t>(Heap::kDynamic));
}

bool MarkShown(Heap heap, void *ptr) {
  switch (heap) {
    case Heap::kLibc: return oh_libc_show(ptr);
    case Heap::kPages: return oh_pages_show(ptr);
    case Heap::kBorrowed: return true;
    case Heap::kGc: return oh_gc_show(ptr);
    default: return Dynamic(heap) != nullptr && oh_dynamic_show(Dynamic(heap), ptr);
  }
}

size_t UsableSize(Heap heap, void *ptr) {
  switch (heap) {
    case Heap::kLibc: return oh_libc_usable_size(ptr);
    case Heap::kPages: return oh_pages_usable_size(ptr);
    case Heap::kBorrowed: return 0;
    case Heap::kGc: return oh_gc_usable_size(ptr);
    default: return oh_dynamic_usable_size(Dynamic(heap), ptr);
  }
}

void Unshow(Heap heap, void *ptr) {
  switch (heap) {
    case Heap::kLibc: oh_libc_unshow(ptr); break;
    case Heap::kPages: oh_pages_unshow(ptr); break;
    case Heap::kBorrowed: break;
    case Heap::kGc: oh_gc_unshow(ptr); break;
    default: oh_dynamic_unshow(Dynamic(heap), ptr);
  }
}

void FreeShown(Heap heap, void *ptr) {
  switch (heap) {
    case Heap::kLibc: oh_libc_free_shown(ptr); break;
    case Heap::kPages: oh_pages_free_shown(ptr); break;
    case Heap::kBorrowed: break;
    case Heap::kGc: oh_gc_free_shown(ptr); break;
    default: oh_dynamic_free_shown(Dynamic(heap), ptr);
  }
}

}  // namespace offheap
