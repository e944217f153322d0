// SPDX-License-Identifier: Apache-2.0
#include "tests/bpf/python_world.h"

#include <algorithm>
#include <cstring>

#include "shared/check.h"

namespace splitprof {
namespace {

constexpr uint64_t kCodeBytes = 512, kFrameBytes = 128, kStateBytes = 256;
constexpr uint8_t kFirstForeignOwner = 3;

}  // namespace

PythonWorld::PythonWorld() {
  const sp_mapping mappings[] = {{kCode, 0, (kPending - kCode) / 4096, 0}, {kPending, 0, 1, SP_TABLE_PENDING}};
  world.set_mappings(*state, mappings);
  world.runtimes.resize(1);
  // The thread's control block, with variables before it.
  auto block = std::make_unique<std::vector<std::byte>>(0x1000);
  world.memory.push_back({kThreadPointer - 0x800, *block});
  pieces_.push_back(std::move(block));
}

sp_runtime PythonWorld::value(sp_python_boundary boundary, int interpreter) {
  sp_runtime runtime{.kind = SP_RUNTIME_python, .n_ranges = 1, .tls_access = SP_TLS_OFFSET};
  runtime.ranges[0] = {kLoop + interpreter * kLoopBytes, kLoopBytes};
  runtime.tls_value = static_cast<uint64_t>(kThreadLocal - 8 * interpreter);
  auto* fields = runtime.fields;
  fields[SP_PYTHON_state_frame] = 72;
  fields[SP_PYTHON_state_thread] = 152;
  fields[SP_PYTHON_frame_bytes] = kFrameBytes;
  fields[SP_PYTHON_frame_previous] = 24;
  fields[SP_PYTHON_frame_code] = 40;
  fields[SP_PYTHON_frame_position] = 56;
  fields[SP_PYTHON_position_is_pointer] = boundary != SP_PYTHON_EACH;
  fields[SP_PYTHON_boundary] = boundary;
  fields[SP_PYTHON_frame_boundary] = 71;
  fields[SP_PYTHON_code_start] = 192;
  fields[SP_PYTHON_check_offset] = 16;
  fields[SP_PYTHON_check_words] = 9;
  return runtime;
}

uint64_t PythonWorld::allocate(size_t bytes) {
  auto piece = std::make_unique<std::vector<std::byte>>(bytes);
  const uint64_t address = next_;
  world.memory.push_back({address, *piece});
  pieces_.push_back(std::move(piece));
  next_ += (bytes + 31) / 16 * 16;  // a gap
  return address;
}

void PythonWorld::write(uint64_t address, const void* from, size_t bytes) {
  for (auto& piece : world.memory) {
    if (address < piece.start || address + bytes > piece.start + piece.bytes.size()) continue;
    std::memcpy(const_cast<std::byte*>(piece.bytes.data()) + (address - piece.start), from, bytes);
    return;
  }
  CHECK(!"no memory there");
}

uint64_t PythonWorld::read64(uint64_t address) {
  uint64_t word = 0;
  CHECK(world.read_user(address, std::as_writable_bytes(std::span(&word, 1))));
  return word;
}

uint64_t PythonWorld::add_code(const sp_runtime& runtime) {
  const uint64_t code = allocate(kCodeBytes);
  for (uint64_t i = 0; i < runtime.fields[SP_PYTHON_check_words]; ++i)
    write64(code + runtime.fields[SP_PYTHON_check_offset] + 8 * i, (code + i) * 0x100000001b3);
  return code;
}

uint32_t PythonWorld::check_of(const sp_runtime& runtime, uint64_t code) {
  uint64_t hash = 0x9e3779b97f4a7c15;
  for (uint64_t i = 0; i < runtime.fields[SP_PYTHON_check_words]; ++i) {
    hash = (hash ^ read64(code + runtime.fields[SP_PYTHON_check_offset] + 8 * i)) * 0x9e3779b97f4a7c15;
    hash ^= hash >> 29;
  }
  return std::max<uint32_t>(static_cast<uint32_t>(hash >> 32), 1);
}

uint64_t PythonWorld::add_frame(const sp_runtime& runtime, uint64_t code, uint32_t units, uint8_t boundary) {
  const auto* fields = runtime.fields;
  const uint64_t frame = allocate(kFrameBytes);
  write64(frame + fields[SP_PYTHON_frame_code], code);
  if (fields[SP_PYTHON_position_is_pointer])
    write64(frame + fields[SP_PYTHON_frame_position], code + fields[SP_PYTHON_code_start] + 2 * uint64_t{units});
  else
    write32(frame + fields[SP_PYTHON_frame_position], units);
  write8(frame + fields[SP_PYTHON_frame_boundary], boundary);
  return frame;
}

void PythonWorld::link(const sp_runtime& runtime, std::span<const uint64_t> frames, uint64_t end) {
  for (size_t i = 0; i < frames.size(); ++i)
    write64(frames[i] + runtime.fields[SP_PYTHON_frame_previous], i + 1 < frames.size() ? frames[i + 1] : end);
}

uint64_t PythonWorld::add_state(const sp_runtime& runtime, uint64_t frame, uint64_t thread) {
  const uint64_t address = allocate(kStateBytes);
  write64(address + runtime.fields[SP_PYTHON_state_thread], thread);
  write64(address + runtime.fields[SP_PYTHON_state_frame], frame);
  return address;
}

std::vector<uint64_t> PythonWorld::run(const sp_runtime& runtime, std::span<const uint8_t> boundaries, uint64_t end) {
  std::vector<uint64_t> frames;
  for (const uint8_t boundary : boundaries) {
    const bool foreign = runtime.fields[SP_PYTHON_boundary] == SP_PYTHON_OWNER && boundary >= kFirstForeignOwner;
    if (!foreign) codes.push_back(add_code(runtime));
    const auto number = static_cast<uint32_t>(codes.size()) - 1;
    frames.push_back(add_frame(runtime, foreign ? 0 : codes.back(), number, boundary));
  }
  link(runtime, frames, end);
  if (runtime.tls_access == SP_TLS_OFFSET)
    write64(kThreadPointer + runtime.tls_value, add_state(runtime, frames.empty() ? 0 : frames.front()));
  return frames;
}

// Each frame but the innermost is where the call in it returns to, and keeps its caller's frame pointer.
void PythonWorld::set_native(std::span<const uint64_t> pcs, size_t bytes) {
  sp_ = allocate(bytes * pcs.size() + 16);
  fp_ = pcs.size() > 1 ? sp_ + bytes - 16 : 0;
  pc_ = pcs.front();
  for (size_t i = 1; i < pcs.size(); ++i) {
    const uint64_t at = sp_ + bytes * i - 16;
    write64(at, i + 1 < pcs.size() ? at + bytes : 0);
    write64(at + 8, pcs[i]);
  }
}

void PythonWorld::install(const sp_runtime& runtime) {
  world.runtimes.push_back(runtime);
  const auto number = static_cast<uint32_t>(world.runtimes.size()) - 1;
  world.runtimes.back().generation = 0x100000 + 5 + number;  // with a bit that the reference does not hold
  references.push_back(SP_RUNTIME_REF(number, world.runtimes.back().generation));
}

std::string PythonWorld::walk(uint32_t max_steps) {
  state->sample = {};
  state->pc = pc_;
  state->sp = sp_;
  state->fp = fp_;
  state->exact = 1;
  state->registers_known = 0;
  state->steps = 0;
  state->thread_pointer = kThreadPointer;
  references.resize(SP_MAX_PROCESS_RUNTIMES);
  begin_interpreters_on_host(*state, world, std::span<const uint32_t, SP_MAX_PROCESS_RUNTIMES>(references));
  walk_on_host(*state, world, max_steps);
  std::string text;
  for (const auto& cell : cells()) text += (text.empty() ? "" : " ") + name_of(cell);
  return text;
}

std::span<const sp_cell> PythonWorld::cells() const {
  return {reinterpret_cast<const sp_cell*>(state->data), std::min<size_t>(state->sample.n_cells, SP_MAX_CELLS)};
}

std::string PythonWorld::name_of(const sp_cell& cell) const {
  const uint16_t flags = SP_FRAME_FLAGS(cell.header);
  if (SP_FRAME_KIND(cell.header) == SP_FRAME_NATIVE) {
    const bool in_code = cell.word >= kCode && cell.word < kLoop && cell.word % 0x100 == 0x10;
    std::string name = in_code ? fmt::format("c{}", (cell.word - kCode) / 0x100) : fmt::format("a:{:x}", cell.word);
    if ((flags & SP_FRAME_LOOP) == 0) return name;
    for (int i = 0; i < SP_MAX_PROCESS_RUNTIMES; ++i)
      if (cell.word - (flags & SP_FRAME_RETURN_ADDRESS) - (kLoop + i * kLoopBytes) < kLoopBytes)
        name = i ? fmt::format("loop{}", i) : "loop";
    if (flags & SP_FRAME_OWN_RUN) name += '!';
    return name;
  }
  CHECK(SP_FRAME_KIND(cell.header) == SP_FRAME_PYTHON && SP_FRAME_WORDS(cell.header) == 1);
  const std::string entry = flags & SP_FRAME_ENTRY ? "[" : "";
  if (flags & SP_FRAME_ERROR) return entry + "error";
  const auto known = std::ranges::find(codes, SP_PYTHON_CODE(cell.word));
  const uint32_t position = SP_PYTHON_POSITION(cell.word, flags);
  if (known == codes.end()) return fmt::format("{}f?@{}", entry, position);
  return fmt::format("{}f{}@{}", entry, known - codes.begin(), position);
}

}  // namespace splitprof
