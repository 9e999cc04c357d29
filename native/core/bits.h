/* bits.h: which bit of a word is set. No bit of 0 is, and none may be asked for. */

#ifndef OH_BITS_H
#define OH_BITS_H

#include <stdint.h>

#ifdef _MSC_VER
#include <intrin.h>
#endif

static inline uint32_t lowest_bit(uint32_t bits) {
#ifdef _MSC_VER
  unsigned long bit;
  _BitScanForward(&bit, bits);
  return (uint32_t)bit;
#else
  return (uint32_t)__builtin_ctz(bits);
#endif
}

static inline uint32_t highest_bit(uint32_t bits) {
#ifdef _MSC_VER
  unsigned long bit;
  _BitScanReverse(&bit, bits);
  return (uint32_t)bit;
#else
  return 31u - (uint32_t)__builtin_clz(bits);
#endif
}

#endif
