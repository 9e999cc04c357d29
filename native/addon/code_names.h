// code_names.h: what an address of machine code is called.

#ifndef OH_CODE_NAMES_H
#define OH_CODE_NAMES_H

#include <napi.h>

namespace offheap {

// { file, function, offset, buildId } of a return address; see NativeCode in lib/native/ledgers.ts.
Napi::Value DescribeCode(Napi::Env env, void const *address);

}  // namespace offheap

#endif
