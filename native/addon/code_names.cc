// code_names.cc: see code_names.h.

#include "code_names.h"

#ifndef _MSC_VER
#include <cxxabi.h>
#endif

#include <cstdlib>
#include <string>

extern "C" {
#include "os.h"
}

namespace offheap {

namespace {

std::string Demangled(char const *name) {
#ifdef _MSC_VER
  return name;
#else
  int status = 0;
  char *text = abi::__cxa_demangle(name, nullptr, nullptr, &status);
  std::string result = status == 0 ? text : name;
  std::free(text);
  return result;
#endif
}

std::string Hex(unsigned char const *bytes, size_t size) {
  static char const digits[] = "0123456789abcdef";
  std::string result;
  for (size_t i = 0; i < size; i++) {
    result += digits[bytes[i] >> 4];
    result += digits[bytes[i] & 15];
  }
  return result;
}

}  // namespace

Napi::Value DescribeCode(Napi::Env env, void const *address) {
  Napi::Object result = Napi::Object::New(env);
  os_code_t code;
  // A return address may be that of the next function, where a function ends in a call.
  void const *within = static_cast<char const *>(address) - 1;
  bool known = os_code_at(within, &code);
  uintptr_t offset = known ? code.offset : reinterpret_cast<uintptr_t>(within);
  result.Set("file", known ? code.file : "");
  result.Set("function", known && code.function != nullptr ? Demangled(code.function) : "");
  result.Set("offset", static_cast<double>(offset));
  result.Set("buildId", known ? Hex(code.build_id, code.build_id_size) : "");
  return result;
}

}  // namespace offheap
