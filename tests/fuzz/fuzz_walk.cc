// SPDX-License-Identifier: Apache-2.0
//
// A hostile process: BPF's walk over memory, registers and interpreters' values that the input chooses. A value is
// within the bounds that the sampler holds it to, and may be replaced in the middle of a walk. Whatever is in memory, a
// walk ends in time, pushes one frame a step at most, and every cell makes sense.
#include "bpf/python.h"
#include "processor/unwind/host_env.h"
#include "sampler/tables/runtime_check.h"
#include "shared/check.h"
#include "tests/fuzz/bytes_of_fuzzer.h"

using namespace splitprof;

namespace {

constexpr uint64_t kNsPerLook = 10'000;  // at the clock, every 16 steps
constexpr uint64_t kMostSteps = ((SP_MAX_WALK_NS + SP_MAX_DRAIN_NS) / kNsPerLook + 1) * 16;
constexpr uint64_t kMaxReadsOfStep = 16;

// Every address leads somewhere, so that chains go on and meet themselves; but one page in eight cannot be read.
class Hostile final : public HostEnvironment {
 public:
  bool read_user(uint64_t address, std::span<std::byte> into) override {
    if (++reads == replace_at) ++runtimes[1].generation;
    if (address > SP_MAX_USER_ADDRESS || (address >> 12 & 7) == 5 || memory.empty()) return false;
    for (size_t i = 0; i < into.size(); ++i) into[i] = static_cast<std::byte>(memory[(address + i) % memory.size()]);
    return true;
  }
  uint64_t now_ns() override { return clock_ns += kNsPerLook; }
  sp_chunk* find_chunk(uint32_t slot) override { return slot == 0 ? &list : nullptr; }
  sp_executable* find_executable(uint32_t) override { return nullptr; }
  sp_rule* find_rule(uint32_t) override { return nullptr; }
  sp_runtime* find_runtime(uint32_t number) override {
    return number < std::size(runtimes) ? &runtimes[number] : nullptr;
  }
  void count(uint32_t counter) override {
    CHECK(counter < SP_COUNT_MAX);
    ++counters[counter];
  }

  std::span<const uint8_t> memory;
  sp_runtime runtimes[1 + SP_MAX_PROCESS_RUNTIMES] = {};
  uint64_t counters[SP_COUNT_MAX] = {};
  uint64_t clock_ns = 0, reads = 0, replace_at = 0;
  static inline sp_chunk list = {};
};

uint64_t take_between(BytesOfFuzzer& input, uint64_t lowest, uint64_t highest) {
  const uint64_t value = highest - lowest < 0xffff ? input.take<uint16_t>() : input.take<uint64_t>();
  return lowest + value % (highest - lowest + 1);
}

sp_runtime take_runtime(BytesOfFuzzer& input) {
  sp_code_range loops[SP_MAX_CODE_RANGES];
  const size_t n_loops = input.take<uint8_t>() % (SP_MAX_CODE_RANGES + 1);
  uint64_t end = 0;
  for (size_t i = 0; i < n_loops; ++i) {
    loops[i] = {end + input.take<uint32_t>(), uint64_t{1} + input.take<uint16_t>()};
    end = loops[i].start + loops[i].length;
  }
  RuntimeRequest request{.kind = SP_RUNTIME_python, .loops = {loops, n_loops}};
  request.tls_access = input.take<uint8_t>() % (SP_TLS_GOT_PAIR + 1);
  request.tls_value = request.tls_access == SP_TLS_OFFSET ? static_cast<uint64_t>(int64_t{input.take<int32_t>()})
                                                          : input.take<uint64_t>() & SP_MAX_USER_ADDRESS;
  request.storage = input.take<uint8_t>() % (SP_STORAGE_ARRAY + 1);
  request.storage_offset = input.take<int16_t>();
  uint64_t fields[] = {
#define SP_FIELD(number, name, lowest, highest, text) take_between(input, lowest, highest),
#include "bpf/python.def"
#undef SP_FIELD
  };
  request.fields = fields;
  const auto checked = check_runtime(request);
  CHECK(checked.has_value());
  return *checked;
}

void check_cell(const sp_cell& cell) {
  const uint16_t flags = SP_FRAME_FLAGS(cell.header);
  CHECK(SP_FRAME_WORDS(cell.header) == 1);
  if (SP_FRAME_KIND(cell.header) == SP_FRAME_NATIVE) {
    CHECK((flags & ~(SP_FRAME_RETURN_ADDRESS | SP_FRAME_POINTER | SP_FRAME_LOOP | SP_FRAME_OWN_RUN)) == 0);
    CHECK(SP_FRAME_EXTRA(cell.header) == 0);
    return;
  }
  CHECK(SP_FRAME_KIND(cell.header) == SP_FRAME_PYTHON);
  CHECK((flags & 0xff & ~(SP_FRAME_ERROR | SP_FRAME_ENTRY)) == 0);
  if (flags & SP_FRAME_ERROR) CHECK(cell.word == 0 && SP_FRAME_EXTRA(cell.header) == 0);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static sp_walk walk;  // keeps what the walk before left, as in the kernel
  BytesOfFuzzer input(data, size);
  Hostile process;
  uint32_t references[SP_MAX_PROCESS_RUNTIMES] = {};
  const unsigned n_runtimes = input.take<uint8_t>() % (SP_MAX_PROCESS_RUNTIMES + 1);
  for (uint32_t i = 0; i < n_runtimes; ++i) {
    process.runtimes[i + 1] = take_runtime(input);
    process.runtimes[i + 1].generation = i + 1;
    references[i] = SP_RUNTIME_REF(i + 1, i + 1);
  }
  // Code is everywhere in the lower half of what programs have; nothing is known of the rest.
  const uint32_t words[] = {1, 0, 0, 0, 0, 0, UINT32_MAX, 0};
  std::copy(std::begin(words), std::end(words), process.list.words);
  walk.list = SP_REF(0, 0);
  walk.list_generation = 1;
  walk.n_mappings = 1;
  walk.pc = input.take<uint64_t>();
  walk.sp = input.take<uint64_t>();
  walk.fp = input.take<uint64_t>();
  walk.thread_pointer = input.take<uint64_t>();
  process.replace_at = input.take<uint16_t>();
  process.memory = input.take_bytes(1 << 16);
  walk.registers_known = 0;
  walk.exact = 1;
  walk.steps = 0;
  walk.sample = {};

  begin_interpreters_on_host(walk, process, references);
  walk_on_host(walk, process);

  CHECK(walk.steps <= kMostSteps);
  CHECK(walk.sample.n_cells <= walk.steps);
  CHECK(process.reads <= walk.steps * kMaxReadsOfStep);
  CHECK(walk.sample.end <= SP_COUNT_stack_copy_end && walk.sample.end != SP_COUNT_too_many_frames);
  const auto* cells = reinterpret_cast<const sp_cell*>(walk.data);
  uint64_t frames = 0, errors = 0;
  for (uint32_t i = 0; i < walk.sample.n_cells; ++i) {
    check_cell(cells[i]);
    if (SP_FRAME_KIND(cells[i].header) != SP_FRAME_PYTHON) continue;
    ++(SP_FRAME_FLAGS(cells[i].header) & SP_FRAME_ERROR ? errors : frames);
  }
  static_assert(kMostSteps < SP_MAX_CELLS);
  CHECK(frames == process.counters[SP_COUNT_interpreter_frames]);
  CHECK(errors == process.counters[SP_COUNT_interpreter_unreadable]);
  return 0;
}
