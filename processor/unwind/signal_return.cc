// SPDX-License-Identifier: Apache-2.0
#include "processor/unwind/signal_return.h"

#include <algorithm>

#include "processor/elf/symbol_table.h"
#include "processor/unwind/rule.h"

namespace splitprof {
namespace {

constexpr uint64_t kMaxVdsoBytes = 64 << 10;  // 8 KiB in Linux 6.18
// `mov x8, #139; svc #0`; and the nop before it, which is there because return addresses are looked up one byte before.
constexpr uint64_t kCodeBytes = 8;
constexpr uint64_t kNopBytes = 4;

class SignalReturn final : public RowSource {
 public:
  explicit SignalReturn(ElfAddress start) : start_(start) {}

  Result<uint64_t> list(FunctionIndex& functions) override {
    TRY(functions.add(start_, kNopBytes + kCodeBytes, 0));
    return uint64_t{0};
  }
  Result<> read_rows(uint32_t, FunctionRows& rows) override {
    rows.start = start_;
    rows.size = kNopBytes + kCodeBytes;
    rows.rows.assign(1, {0, rule_word({.cfa = SP_CFA_SIGNAL})});
    return Ok{};
  }
  size_t size_bytes() const override { return 0; }

 private:
  const ElfAddress start_;
};

}  // namespace

Result<std::unique_ptr<RowSource>> read_signal_return(const ElfFile& file) {
  uint64_t bytes = 0;
  for (const Segment& segment : file.segments()) bytes = std::max(bytes, segment.file_size);
  if (file.machine() != Machine::arm64 || bytes > kMaxVdsoBytes) return fail(Errc::not_found, "no vDSO of arm64");
  const SymbolTable symbols = TRY(read_symbols(file));
  for (size_t i = 0; i < symbols.size(); ++i) {
    const FoundSymbol symbol = symbols.at(i);
    if (symbol.start.value >= kNopBytes && TRY(symbols.read_name(file, symbol)) == "__kernel_rt_sigreturn")
      return std::unique_ptr<RowSource>(std::make_unique<SignalReturn>(ElfAddress(symbol.start.value - kNopBytes)));
  }
  return fail(Errc::not_found, "no signal trampoline");
}

}  // namespace splitprof
