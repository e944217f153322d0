// SPDX-License-Identifier: Apache-2.0
#include "processor/runtimes/x86_values.h"

#include <array>

namespace splitprof {
namespace {

using Kind = X86Instruction::Kind;
using Source = X86Instruction::Source;
using Base = X86Value::Base;

constexpr int kMaxInstructions = 256;  // of all ways through a function; accessors have five to thirty
constexpr size_t kMaxWays = 16;
// What a called function may change: rax, rcx, rdx, rsi, rdi, r8 to r11 (System V ABI for AMD64, figure 3.4).
constexpr uint32_t kCallChanges = 0x0fc7;

struct Way {
  ElfAddress next;
  std::array<X86Value, 16> registers;
};

class Follower {
 public:
  // `every_way`: goes on after the first outcome.
  Follower(const X86Code& code, const X86Question& question, bool every_way)
      : code_(code), question_(question), every_way_(every_way) {
    ways_.push_back({.next = code.start()});
  }
  std::optional<X86Outcome> run();
  const std::vector<X86Load>& loads() const { return loads_; }

 private:
  // Nothing: this way goes on.
  enum class Step { next, end };
  Step step(Way& way, const X86Instruction& instruction);
  Step call(Way& way, const X86Instruction& instruction);
  void finish(X86Outcome::End end, const X86Value& value);
  X86Value address_of(const Way& way, const X86Memory& memory) const;
  X86Value load(const Way& way, const X86Memory& memory, uint8_t bytes);
  X86Value source(const Way& way, const X86Instruction& instruction);
  X86Value sum(const X86Value& a, const X86Value& b) const;

  const X86Code& code_;
  const X86Question question_;
  const bool every_way_;
  std::vector<Way> ways_;
  std::vector<X86Load> loads_;
  std::optional<X86Outcome> outcome_;
};

X86Value value_of(const Way& way, X86Register reg) {
  return reg == kNoX86Register ? X86Value{.base = Base::file} : way.registers[reg];
}

X86Value Follower::sum(const X86Value& a, const X86Value& b) const {
  const auto offset = static_cast<int64_t>(static_cast<uint64_t>(a.offset) + static_cast<uint64_t>(b.offset));
  X86Value result;
  if (b.base == Base::file)
    result = a;
  else if (a.base == Base::file)
    result = b;
  else if (a.base == Base::thread && b.base == Base::load)
    result = {.base = Base::thread_load, .load = b.load};
  else if (a.base == Base::load && b.base == Base::thread)
    result = {.base = Base::thread_load, .load = a.load};
  else if ((a.base == Base::thread && b.base == Base::tls_desc) || (a.base == Base::tls_desc && b.base == Base::thread))
    result = a.base == Base::tls_desc ? a : b;
  else
    return {};
  result.offset = offset;
  return result;
}

X86Value Follower::address_of(const Way& way, const X86Memory& memory) const {
  X86Value value = sum(value_of(way, memory.base), {.base = Base::file, .offset = memory.displacement});
  if (memory.thread) value = sum(value, {.base = Base::thread});
  if (memory.index == kNoX86Register) return value;
  return memory.scale == 1 ? sum(value, way.registers[memory.index]) : X86Value{};
}

X86Value Follower::load(const Way& way, const X86Memory& memory, uint8_t bytes) {
  X86Load made{.address = address_of(way, memory), .bytes = bytes};
  if (!made.address.known() && memory.index != kNoX86Register && memory.scale == 8) {
    X86Memory without = memory;
    without.index = kNoX86Register;
    made = {.address = address_of(way, without), .bytes = bytes, .indexed = true};
  }
  if (!made.address.known()) return {};
  // The thread control block points to itself, with its first and its third word (glibc, sysdeps/x86_64/nptl/tls.h,
  // tcbhead_t; musl, src/internal/pthread_impl.h, struct pthread, has the first).
  if (made.address.base == Base::thread && !made.indexed && bytes == 8 &&
      (made.address.offset == 0 || made.address.offset == 16))
    return {.base = Base::thread};
  loads_.push_back(made);
  return {.base = Base::load, .load = static_cast<uint32_t>(loads_.size() - 1)};
}

X86Value Follower::source(const Way& way, const X86Instruction& instruction) {
  switch (instruction.source) {
    case Source::reg:
      return way.registers[instruction.from];
    case Source::immediate:
      return {.base = Base::file, .offset = instruction.immediate};
    case Source::memory:
      return load(way, instruction.memory, instruction.bytes);
    case Source::none:
      break;
  }
  return {};
}

void Follower::finish(X86Outcome::End end, const X86Value& value) {
  const bool wanted = question_.left_wanted ? end == X86Outcome::End::left && value.known()
                                            : end == X86Outcome::End::returned && value.base == Base::load;
  if (wanted && !outcome_) outcome_ = X86Outcome{.end = end, .value = value};
}

Follower::Step Follower::call(Way& way, const X86Instruction& instruction) {
  const X86Value argument = way.registers[kRdi];
  const X86Value called = instruction.source == Source::memory ? address_of(way, instruction.memory) : X86Value{};
  const X86Value rax = way.registers[kRax];
  finish(X86Outcome::End::left, argument);
  if (outcome_) return Step::end;
  // `call *(%rax)`, with rax the address of a descriptor: "Thread-Local Storage Descriptors for IA32 and AMD64/EM64T",
  // Oliva and Araújo; the resolver changes rax only.
  if (question_.through_calls && called.is_file_address() && rax.is_file_address() && called.offset == rax.offset &&
      instruction.memory.base == kRax) {
    way.registers[kRax] = {.base = Base::tls_desc, .slot = static_cast<uint64_t>(rax.offset)};
    return Step::next;
  }
  for (X86Register reg = 0; reg < way.registers.size(); ++reg)
    if ((kCallChanges >> reg & 1) != 0) way.registers[reg] = {};
  if (question_.through_calls && argument.is_file_address())
    way.registers[kRax] = {.base = Base::tls_block, .slot = static_cast<uint64_t>(argument.offset)};
  return Step::next;
}

Follower::Step Follower::step(Way& way, const X86Instruction& instruction) {
  way.next = instruction.next;
  switch (instruction.kind) {
    case Kind::call:
      return call(way, instruction);
    case Kind::end:
      finish(X86Outcome::End::returned, way.registers[kRax]);
      return Step::end;
    case Kind::jump:
      if (!instruction.target || !code_.contains(*instruction.target)) {
        finish(X86Outcome::End::left, way.registers[kRdi]);
        return Step::end;
      }
      way.next = *instruction.target;
      return Step::next;
    case Kind::branch:
      if (instruction.target && code_.contains(*instruction.target) && ways_.size() < kMaxWays)
        ways_.push_back({.next = *instruction.target, .registers = way.registers});
      return Step::next;
    default:
      break;
  }
  X86Value result;
  if (instruction.kind == Kind::move)
    result = source(way, instruction);
  else if (instruction.kind == Kind::load_address)
    result = address_of(way, instruction.memory);
  else if (instruction.kind == Kind::add)
    result = sum(way.registers[instruction.to], source(way, instruction));
  for (X86Register reg = 0; reg < way.registers.size(); ++reg)
    if ((instruction.written >> reg & 1) != 0) way.registers[reg] = {};
  if (instruction.to != kNoX86Register) way.registers[instruction.to] = result;
  return Step::next;
}

std::optional<X86Outcome> Follower::run() {
  int left = kMaxInstructions;
  for (size_t i = 0; i < ways_.size(); ++i) {
    Way way = ways_[i];  // a copy: ways are added meanwhile
    while (left-- > 0) {
      const auto instruction = code_.at(way.next);
      if (!instruction || step(way, *instruction) == Step::end) break;
    }
    if (outcome_ && !every_way_) break;
  }
  if (outcome_) outcome_->loads = loads_;
  return outcome_;
}

}  // namespace

std::optional<X86Outcome> follow_x86(const X86Code& code, const X86Question& question) {
  return Follower(code, question, false).run();
}

std::vector<X86Load> loads_of_x86(const X86Code& code) {
  Follower follower(code, {}, true);
  follower.run();
  return follower.loads();
}

}  // namespace splitprof
