// ledgers.cc: ledgers of live blocks and the stacks that allocated them, for JavaScript.
//
// The hot calls pass their arguments through the box, as those of heaps do (heap_calls.h), on the
// ledger at kSelf and the heap of it in kOperation.

#include <cstring>
#include <set>
#include <string>
#include <vector>

#include "code_names.h"
#include "heap_calls.h"

extern "C" {
#include "ledger.h"
#include "stacks.h"
#include "traced.h"
}

namespace offheap {

namespace {

// ---- Hot calls ----------------------------------------------------------------------------------

oh_ledger_t *Self(EnvState *state) {
  return static_cast<oh_ledger_t *>(state->pointer(kSelf));
}

uint32_t Word(EnvState *state, BoxSlot slot) {
  return static_cast<uint32_t>(state->box[slot]);
}

// kPtr, kSize, kAlign, kNewSize: the stack, kStatus: the weight, kResult: 1 if it has a handle ->
// kResult: the ticket, or 0
napi_value Add(napi_env env, napi_callback_info info) {
  EnvState *s = CallbackState(env, info);
  oh_record_t record = {};
  record.ptr = s->pointer(kPtr);
  record.size = s->bytes(kSize);
  record.align = s->bytes(kAlign);
  record.heap = Word(s, kOperation);
  record.stack = Word(s, kNewSize);
  record.weight = s->box[kStatus];
  record.has_handle = s->box[kResult] != 0;
  s->box[kResult] = static_cast<double>(oh_ledger_add(Self(s), &record));
  return nullptr;
}

// kPtr -> kResult: the record, or 0
napi_value Lift(napi_env env, napi_callback_info info) {
  EnvState *s = CallbackState(env, info);
  s->box[kResult] = oh_ledger_lift(Self(s), Word(s, kOperation), s->pointer(kPtr));
  return nullptr;
}

// kPtr, kSize, kNewSize: the record
napi_value Put(napi_env env, napi_callback_info info) {
  EnvState *s = CallbackState(env, info);
  oh_ledger_put(Self(s), Word(s, kNewSize), s->pointer(kPtr), s->bytes(kSize));
  return nullptr;
}

// kPtr, kNewSize: the record
napi_value PutBack(napi_env env, napi_callback_info info) {
  EnvState *s = CallbackState(env, info);
  oh_ledger_put_back(Self(s), Word(s, kNewSize), s->pointer(kPtr));
  return nullptr;
}

// kPtr, kNewSize: the record -> kResult: a ticket for one handle more
napi_value PutBackHeld(napi_env env, napi_callback_info info) {
  EnvState *s = CallbackState(env, info);
  s->box[kResult] = static_cast<double>(oh_ledger_add_handle(Self(s), Word(s, kNewSize)));
  oh_ledger_put_back(Self(s), Word(s, kNewSize), s->pointer(kPtr));
  return nullptr;
}

// kNewSize: the record
napi_value Strike(napi_env env, napi_callback_info info) {
  EnvState *s = CallbackState(env, info);
  oh_ledger_strike(Self(s), Word(s, kNewSize));
  return nullptr;
}

// ---- A ledger and its lifetime ------------------------------------------------------------------

// A ledger as one environment has it.
struct Hold {
  napi_env env = nullptr;
  oh_ledger_t *ledger = nullptr;
  bool shared = false;
  // Of the environment's memory.
  napi_ref cells = nullptr;
  oh_cells_t copy = {};
  // Heaps whose memory is the environment's too.
  std::multiset<uint32_t> heaps;
};

// The environment ends, and its memory with it; others may hold the ledger on.
void Leave(void *data) {
  Hold *hold = static_cast<Hold *>(data);
  oh_ledger_remove_cells(hold->ledger, &hold->copy);
  for (uint32_t heap : hold->heaps) oh_ledger_end_heap(hold->ledger, heap);
  hold->heaps.clear();
  // Of another ledger nobody asks any more.
  if (hold->shared) oh_ledger_lose_of_thread(hold->ledger);
  hold->shared = false;
}

void Finalize(napi_env env, void *data, void *) {
  Hold *hold = static_cast<Hold *>(data);
  Leave(hold);
  napi_remove_env_cleanup_hook(env, Leave, hold);
  napi_delete_reference(env, hold->cells);
  oh_ledger_let_go(hold->ledger);
  delete hold;
}

// (most blocks, cells: Uint8Array, the process's?) -> External, kSelf: the address; null: no memory
Napi::Value Make(Napi::CallbackInfo const &info) {
  Napi::Env env = info.Env();
  uint32_t most = info[0].As<Napi::Number>().Uint32Value();
  bool shared = info[2].As<Napi::Boolean>().Value();
  oh_ledger_t *ledger = shared ? oh_ledger_of_process(most) : oh_ledger_make(most);
  if (ledger == nullptr) return env.Null();
  Hold *hold = new Hold;
  hold->env = env;
  hold->ledger = ledger;
  hold->shared = shared;
  napi_value external = nullptr;
  napi_status status = napi_create_reference(env, info[1], 1, &hold->cells);
  if (status == napi_ok) status = napi_create_external(env, hold, Finalize, nullptr, &external);
  if (status != napi_ok) throw Napi::Error::New(env);
  napi_add_env_cleanup_hook(env, Leave, hold);
  hold->copy.cells = info[1].As<Napi::Uint8Array>().Data();
  oh_ledger_add_cells(ledger, &hold->copy);
  StateOf(info)->set_pointer(kSelf, ledger);
  return Napi::Value(env, external);
}

Hold *HoldOf(Napi::CallbackInfo const &info) {
  return info[0].As<Napi::External<Hold>>().Data();
}

oh_ledger_t *LedgerAt(Napi::CallbackInfo const &info) {
  return HoldOf(info)->ledger;
}

uint32_t Uint32(Napi::CallbackInfo const &info, size_t i) {
  return info[i].As<Napi::Number>().Uint32Value();
}

void *Address(Napi::CallbackInfo const &info, size_t i) {
  return reinterpret_cast<void *>(
      static_cast<uintptr_t>(info[i].As<Napi::Number>().Int64Value()));
}

Napi::Value Number(Napi::CallbackInfo const &info, double value) {
  return Napi::Number::New(info.Env(), value);
}

Napi::Value Doubles(Napi::CallbackInfo const &info, std::initializer_list<double> values) {
  Napi::Float64Array result = Napi::Float64Array::New(info.Env(), values.size());
  size_t i = 0;
  for (double value : values) result[i++] = value;
  return result;
}

// (ledger, frame that is its name, frame that is its key or 0, does it end with the environment?)
// -> number, or 0
Napi::Value AddHeap(Napi::CallbackInfo const &info) {
  Hold *hold = HoldOf(info);
  uint32_t name = Uint32(info, 1), key = Uint32(info, 2);
  uint32_t heap = key == 0 ? oh_ledger_add_heap(hold->ledger, name)
                           : oh_ledger_join_heap(hold->ledger, name, key);
  if (heap != 0 && info[3].As<Napi::Boolean>().Value()) hold->heaps.insert(heap);
  return Number(info, heap);
}

// (ledger, heap): one that would have ended with the environment
void EndHeap(Napi::CallbackInfo const &info) {
  Hold *hold = HoldOf(info);
  uint32_t heap = Uint32(info, 1);
  auto found = hold->heaps.find(heap);
  if (found == hold->heaps.end()) return;
  hold->heaps.erase(found);
  oh_ledger_end_heap(hold->ledger, heap);
}

// (ledger, heap, serial, lowest address)
void Drop(Napi::CallbackInfo const &info) {
  oh_ledger_drop(LedgerAt(info), Uint32(info, 1), Uint32(info, 2), Address(info, 3));
}

uint64_t Ticket(Napi::CallbackInfo const &info) {
  return static_cast<uint64_t>(info[1].As<Napi::Number>().Int64Value());
}

// (ledger, ticket)
void Lose(Napi::CallbackInfo const &info) {
  oh_ledger_lose(LedgerAt(info), Ticket(info));
}

// (ledger, ticket)
void Release(Napi::CallbackInfo const &info) {
  oh_ledger_release(LedgerAt(info), Ticket(info));
}

// (ledger)
void Unknown(Napi::CallbackInfo const &info) {
  oh_ledger_unknown(LedgerAt(info));
}

// (ledger) -> serial
Napi::Value Newest(Napi::CallbackInfo const &info) {
  return Number(info, oh_ledger_newest(LedgerAt(info)));
}

// ---- What is in it ------------------------------------------------------------------------------

// (ledger) -> the fields of oh_ledger_totals_t in their order
Napi::Value Totals(Napi::CallbackInfo const &info) {
  oh_ledger_totals_t t = {};
  oh_ledger_read(LedgerAt(info), &t);
  return Doubles(info, {t.live_blocks, t.live_bytes, t.peak_bytes, t.unknown_frees, t.unlisted,
                        static_cast<double>(t.records), static_cast<double>(t.sites),
                        static_cast<double>(t.bytes)});
}

constexpr size_t kSiteFields = 11;

// (ledger) -> the fields of oh_site_t of all sites, one after the other
Napi::Value Sites(Napi::CallbackInfo const &info) {
  oh_ledger_t *ledger = LedgerAt(info);
  oh_ledger_totals_t totals = {};
  oh_ledger_read(ledger, &totals);
  Napi::Float64Array result =
      Napi::Float64Array::New(info.Env(), static_cast<size_t>(totals.sites) * kSiteFields);
  double *at = result.Data();
  for (uint32_t i = 1; i <= totals.sites; i++, at += kSiteFields) {
    oh_site_t site = {};
    oh_ledger_site(ledger, i, &site);
    double const fields[kSiteFields] = {
        static_cast<double>(site.stack), static_cast<double>(site.name), site.allocs, site.frees,
        site.total_bytes, site.live_blocks, site.live_bytes, site.peak_bytes, site.temporary,
        site.lost_bytes, site.held_bytes};
    memcpy(at, fields, sizeof fields);
  }
  return result;
}

constexpr size_t kBlockFields = 6;

// (ledger, after: number, most) -> address, size, align, site, thread and age in ms of each; kResult:
// the number to go on after
Napi::Value List(Napi::CallbackInfo const &info) {
  uint32_t at = Uint32(info, 1);
  std::vector<oh_live_block_t> blocks(Uint32(info, 2));
  size_t count = oh_ledger_list(LedgerAt(info), &at, blocks.data(), blocks.size());
  Napi::Float64Array result = Napi::Float64Array::New(info.Env(), count * kBlockFields);
  double *into = result.Data();
  for (size_t i = 0; i < count; i++) {
    oh_live_block_t const &b = blocks[i];
    double const fields[kBlockFields] = {
        static_cast<double>(reinterpret_cast<uintptr_t>(b.ptr)), static_cast<double>(b.size),
        static_cast<double>(b.align), static_cast<double>(b.site), static_cast<double>(b.thread),
        static_cast<double>(b.age_ms)};
    memcpy(into + i * kBlockFields, fields, sizeof fields);
  }
  StateOf(info)->box[kResult] = at;
  return result;
}

// ---- Stacks -------------------------------------------------------------------------------------

// (text) -> frame, or 0
Napi::Value Frame(Napi::CallbackInfo const &info) {
  std::string text = info[0].As<Napi::String>().Utf8Value();
  return Number(info, oh_frame_of_text(text.data(), text.size()));
}

// (caller, frame) -> stack, or 0
Napi::Value Call(Napi::CallbackInfo const &info) {
  return Number(info, oh_stacks_call(Uint32(info, 0), Uint32(info, 1)));
}

// (stack) -> kPtr: the caller's, kResult: the frame, resolved; 0: there is no such stack
void ReadStack(Napi::CallbackInfo const &info) {
  uint32_t caller = 0, frame = 0;
  oh_stacks_read(Uint32(info, 0), &caller, &frame);
  EnvState *s = StateOf(info);
  s->box[kPtr] = caller;
  s->box[kResult] = oh_frame_resolved(frame);
}

// (frame, a better one)
void ResolveFrame(Napi::CallbackInfo const &info) {
  oh_frame_resolve(Uint32(info, 0), Uint32(info, 1));
}

// (frame) -> its text, or of machine code { file, function, offset, buildId }; null: none
Napi::Value ReadFrame(Napi::CallbackInfo const &info) {
  oh_frame_view_t view;
  if (!oh_frame_read(Uint32(info, 0), &view)) return info.Env().Null();
  if (view.text == nullptr) return DescribeCode(info.Env(), view.code);
  return Napi::String::New(info.Env(), view.text, view.length);
}

// (stack) -> the one before
Napi::Value Enter(Napi::CallbackInfo const &info) {
  return Number(info, oh_traced_enter(Uint32(info, 0)));
}

// ---- The C door ---------------------------------------------------------------------------------

// (ledger, heap, self of the inner, its table) -> address of an oh_traced_t; 0: no memory. kResult: the
// table
Napi::Value MakeTraced(Napi::CallbackInfo const &info) {
  oh_valloc_t inner = {Address(info, 2), static_cast<oh_vtable_t const *>(Address(info, 3))};
  bool sizes = oh_is_null(inner) || inner.vt->usable_size != nullptr;
  oh_vtable_t const *table = sizes ? &oh_traced_vtable : &oh_traced_vtable_without_sizes;
  StateOf(info)->set_pointer(kResult, const_cast<oh_vtable_t *>(table));
  oh_traced_t *traced = oh_traced_make(LedgerAt(info), Uint32(info, 1), inner);
  return Number(info, static_cast<double>(reinterpret_cast<uintptr_t>(traced)));
}

// (traced, mode, sample bytes, frames)
void SetTraced(Napi::CallbackInfo const &info) {
  oh_traced_set(static_cast<oh_traced_t *>(Address(info, 0)),
                static_cast<oh_traced_mode_t>(Uint32(info, 1)),
                info[2].As<Napi::Number>().DoubleValue(), Uint32(info, 3));
}

// (traced)
void EndTraced(Napi::CallbackInfo const &info) {
  oh_traced_end(static_cast<oh_traced_t *>(Address(info, 0)));
}

}  // namespace

void ExportLedgers(Napi::Env env, Napi::Object exports, EnvState *state) {
  Napi::Object ledgers = Napi::Object::New(env);
  SetCall(ledgers, "add", Add, state);
  SetCall(ledgers, "lift", Lift, state);
  SetCall(ledgers, "put", Put, state);
  SetCall(ledgers, "putBack", PutBack, state);
  SetCall(ledgers, "putBackHeld", PutBackHeld, state);
  SetCall(ledgers, "strike", Strike, state);
  ledgers.Set("cells", static_cast<double>(OH_LEDGER_CELLS));
  ledgers.Set("make", Napi::Function::New<Make>(env, "make"));
  ledgers.Set("addHeap", Napi::Function::New<AddHeap>(env, "addHeap"));
  ledgers.Set("endHeap", Napi::Function::New<EndHeap>(env, "endHeap"));
  ledgers.Set("drop", Napi::Function::New<Drop>(env, "drop"));
  ledgers.Set("lose", Napi::Function::New<Lose>(env, "lose"));
  ledgers.Set("release", Napi::Function::New<Release>(env, "release"));
  ledgers.Set("unknown", Napi::Function::New<Unknown>(env, "unknown"));
  ledgers.Set("newest", Napi::Function::New<Newest>(env, "newest"));
  ledgers.Set("totals", Napi::Function::New<Totals>(env, "totals"));
  ledgers.Set("sites", Napi::Function::New<Sites>(env, "sites"));
  ledgers.Set("list", Napi::Function::New<List>(env, "list"));
  ledgers.Set("frame", Napi::Function::New<Frame>(env, "frame"));
  ledgers.Set("call", Napi::Function::New<Call>(env, "call"));
  ledgers.Set("readStack", Napi::Function::New<ReadStack>(env, "readStack"));
  ledgers.Set("resolveFrame", Napi::Function::New<ResolveFrame>(env, "resolveFrame"));
  ledgers.Set("readFrame", Napi::Function::New<ReadFrame>(env, "readFrame"));
  ledgers.Set("enter", Napi::Function::New<Enter>(env, "enter"));
  ledgers.Set("makeTraced", Napi::Function::New<MakeTraced>(env, "makeTraced"));
  ledgers.Set("setTraced", Napi::Function::New<SetTraced>(env, "setTraced"));
  ledgers.Set("endTraced", Napi::Function::New<EndTraced>(env, "endTraced"));
  exports.Set("ledgers", ledgers);
}

}  // namespace offheap
