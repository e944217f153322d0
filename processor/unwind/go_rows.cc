// SPDX-License-Identifier: Apache-2.0
//
// A Go function's frame, with the frame size n that the table gives for an instruction (Go 1.26, "Stack layout" in
// src/cmd/compile/abi-internal.md, and src/runtime/traceback.go):
//
//   x86-64   sp + n       return address; what is above it is the CFA      arm64   sp + n    CFA
//            sp + n - 8   caller's frame pointer, where n > 0                      sp        return address, where n >
//            0
//                                                                                  sp - 8    caller's frame pointer
//
// Functions in assembly that set the stack pointer (flag kGoWritesSp) go on on the thread's own stack, which is what
// runtime.systemstack, asmcgocall and calls of the vDSO are about. The frame pointer stays behind on the goroutine's
// stack, so it is the way back: "The original frame pointer is stored in BP, which is useful for stack unwinding"
// (src/runtime/asm_amd64.s). Where nobody may go back (runtime.mcall) it is 0, by which a stack ends.
#include "processor/unwind/go_rows.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "processor/unwind/rule.h"

namespace splitprof {
namespace {

constexpr size_t kMaxRowsOfFunction = 1 << 18;  // as of a function of .eh_frame

// The kernel enters these, or they arrange both of their stacks alike (src/runtime/traceback.go about cgocallback):
// their frame sizes are right, whatever the flags say.
constexpr std::array<std::string_view, 3> kOrdinary = {"runtime.sigtramp", "runtime.cgoSigtramp",
                                                       "runtime.cgocallback"};
constexpr std::array<std::string_view, 2> kTrampolines = {"runtime.sigreturn__sigaction",
                                                          "runtime.sigreturn"};  // before Go 1.19
// Before Go 1.17 there are no flags.
constexpr std::array<std::string_view, 3> kOutermost = {"runtime.goexit", "runtime.mstart", "runtime.rt0_go"};
constexpr std::array<std::string_view, 7> kSwitches = {"runtime.systemstack", "runtime.mcall",     "runtime.morestack",
                                                       "runtime.asmcgocall",  "runtime.nanotime1", "runtime.walltime1",
                                                       "runtime.gogo"};

bool contains(std::span<const std::string_view> names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

Result<uint64_t> GoRows::list(FunctionIndex& functions) {
  uint64_t broken = 0;
  ElfAddress end;
  for (uint32_t i = 0; i < table_.size(); ++i) {
    const auto function = table_.function(i);
    if (!function || function->start < end) {  // Go sorts them; what overlaps could be read over and over
      ++broken;
      continue;
    }
    end = function->end;
    if (function->sp_table == 0) continue;  // go:buildid, which is no code
    TRY(functions.add(function->start, function->end.value - function->start.value, i));
    if (i > 0 && kind_of(*function) == Kind::trampoline) before_trampoline_ = i - 1;
  }
  return broken;
}

GoRows::Kind GoRows::kind_of(const GoFunction& function) const {
  const bool flagless = table_.layout() <= GoTable::Layout::go1_16 && function.flags == 0;
  if ((function.flags & kGoAssembly) != 0 || flagless) {
    const auto name = table_.name(function);
    if (name && contains(kTrampolines, *name)) return Kind::trampoline;
    if (name && contains(kOrdinary, *name)) return Kind::ordinary;
    if (name && flagless && contains(kOutermost, *name)) return Kind::outermost;
    if (name && flagless && contains(kSwitches, *name)) return Kind::switches;
  }
  if ((function.flags & kGoTopFrame) != 0) return Kind::outermost;
  return (function.flags & kGoWritesSp) != 0 ? Kind::switches : Kind::ordinary;
}

uint64_t GoRows::rule_of(Kind kind, int32_t frame_bytes, bool has_frame) const {
  constexpr uint8_t kPushed = SP_RULE_SAVED(SP_FP_CFA_OFFSET, SP_RA_CFA_8);
  if (kind == Kind::outermost) return rule_word({.cfa = SP_CFA_END});
  if (kind == Kind::trampoline) return rule_word({.cfa = SP_CFA_SIGNAL});
  // Before its own frame is there, a function is still on its caller's stack.
  const bool switched = kind == Kind::switches && (frame_bytes > 0 || !has_frame);
  if (machine_ == Machine::x86_64) {
    if (switched) return rule_word({SP_CFA_FP_SWITCH, kPushed, -16, 16});
    if (frame_bytes < 0 || frame_bytes > INT32_MAX - 8) return rule_word({.cfa = SP_CFA_ASK});
    if (frame_bytes == 0) return rule_word({SP_CFA_SP, SP_RULE_SAVED(SP_FP_SAME, SP_RA_CFA_8), 0, 8});
    return rule_word({SP_CFA_SP, kPushed, -16, frame_bytes + 8});
  }
  if (switched || frame_bytes < 0 || frame_bytes > INT16_MAX - 8) return rule_word({.cfa = SP_CFA_ASK});
  if (frame_bytes == 0) return rule_word({SP_CFA_SP, SP_RULE_SAVED(SP_FP_SAME, SP_RA_REGISTER), 0, 0});
  return rule_word({SP_CFA_SP, SP_RULE_SAVED(SP_FP_CFA_OFFSET, SP_RA_AFTER_FP), static_cast<int16_t>(-frame_bytes - 8),
                    frame_bytes});
}

Result<> GoRows::read_rows(uint32_t number, FunctionRows& into) {
  const GoFunction function = TRY(table_.function(number));
  into.start = function.start;
  into.size = function.end.value - function.start.value;
  into.rows.clear();
  const Kind kind = kind_of(function);
  bool has_frame = false;
  if (kind == Kind::switches)
    for (GoRuns runs = table_.runs(function.sp_table); const auto run = runs.next();)
      if (run->value > 0 && (has_frame = true)) break;
  uint64_t at = 0;
  for (GoRuns runs = table_.runs(function.sp_table); at < into.size;) {
    const auto run = runs.next();
    if (!run) break;
    if (into.rows.size() >= kMaxRowsOfFunction)
      return fail(Errc::too_large, "a function of more than {} rows", kMaxRowsOfFunction);
    into.rows.push_back({static_cast<uint32_t>(at), rule_of(kind, run->value, has_frame)});
    at = run->end;
  }
  if (into.rows.empty()) return fail(Errc::not_found, "nothing says how large the frame is");
  // The kernel lets a handler return to the trampoline's first byte, and return addresses are looked up one byte
  // before: there lies padding.
  if (number == before_trampoline_ && into.rows.back().offset < into.size - 1)
    into.rows.push_back({static_cast<uint32_t>(into.size - 1), rule_of(Kind::trampoline, 0, false)});
  return Ok{};
}

Result<std::unique_ptr<RowSource>> read_go_rows(const ElfFile& file) {
  GoSection section = TRY(read_gopclntab(file));
  GoTable table = TRY(GoTable::parse(section));
  return std::unique_ptr<RowSource>(std::make_unique<GoRows>(std::move(section), std::move(table), file.machine()));
}

}  // namespace splitprof
