// sentinels.h: telling, at the end of an environment, a buffer that was collected from one that was
// moved away.
//
// Of both nothing is left but a finalizer that runs while no JavaScript can. Of a collected one the
// memory must be freed; that of a moved one may be in use by another thread. What tells them apart is
// when the finalizer comes: Node first calls those of buffers that have been collected, and then
// goes through the list of those whose memory is still held, in the order of their age. So every
// environment holds on to two small buffers of its own, sentinels, one older than all spans and one
// younger than all but the last few. As long as neither has been finalized, the list has not been
// reached by anything between them in age, whichever end Node begins at.

#ifndef OH_SENTINELS_H
#define OH_SENTINELS_H

#include <cstdint>

#include <node_api.h>

namespace offheap {

// The age of the buffer that is to be made next. Makes a sentinel now and then, about 1 microsecond.
uint64_t NextAge(napi_env env);
// For a finalizer: had this buffer been collected before the environment began to end? false: no, or
// that cannot be told (for the youngest 16 and where there are no sentinels).
bool WasCollected(napi_env env, uint64_t age);
void ForgetSentinels(napi_env env);

}  // namespace offheap

#endif
