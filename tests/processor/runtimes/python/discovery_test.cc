// SPDX-License-Identifier: Apache-2.0
//
// What is found of real interpreters, compared with what they say of themselves: version, each thread's state, and the
// code objects of a known stack, read by nothing but the values that the kernel gets.
#include <gtest/gtest.h>

#include <filesystem>

#include "bpf/python.h"
#include "tests/processor/runtimes/memory_reader.h"
#include "tests/processor/runtimes/python/interpreters.h"

namespace splitprof {
namespace {

using testing::interpreters;
using testing::RunningInterpreter;

// The kernel's side (bpf/interpreter.bpf.h, bpf/python.bpf.c), in so many words.
class Reader {
 public:
  Reader(ReadableFile& file, const RuntimeValue& value, uint64_t thread)
      : memory_(file, thread), value_(value), thread_(thread) {}

  uint64_t field(sp_python_field number) const { return value_.fields[number]; }

  uint64_t tls_state() const { return memory_.thread_local_word(value_.tls); }
  uint64_t holder_state() const {
    return field(SP_PYTHON_holder_address) == 0 ? 0 : word(field(SP_PYTHON_holder_address));
  }
  uint64_t key_state() const {
    if (field(SP_PYTHON_key_address) == 0) return 0;
    const uint64_t key = word(field(SP_PYTHON_key_address)) & 0xffffffff;
    EXPECT_LT(key, 1024);
    return memory_.specific(value_.storage, key);
  }
  bool is_mine(uint64_t state) { return state != 0 && word(state + field(SP_PYTHON_state_thread)) == thread_; }

  // Code objects of the script's frames, innermost first.
  std::vector<uint64_t> codes(uint64_t state) {
    uint64_t frame = word(state + field(SP_PYTHON_state_frame));
    if (field(SP_PYTHON_has_cframe) != 0) frame = word(frame + field(SP_PYTHON_cframe_frame));
    std::vector<uint64_t> codes;
    for (int i = 0; frame != 0 && i < 64; ++i) {
      const uint64_t boundary = word(frame + field(SP_PYTHON_frame_boundary)) & 0xff;
      if (field(SP_PYTHON_boundary) != SP_PYTHON_OWNER || boundary < SP_PYTHON_FIRST_FOREIGN_OWNER)
        codes.push_back(word(frame + field(SP_PYTHON_frame_code)) & ~field(SP_PYTHON_code_tag));
      frame = word(frame + field(SP_PYTHON_frame_previous));
    }
    return codes;
  }

 private:
  uint64_t word(uint64_t address) const { return memory_.word(address); }

  const testing::MemoryReader memory_;
  const RuntimeValue& value_;
  const uint64_t thread_;
};

class Discovery : public ::testing::TestWithParam<std::string> {};

TEST_P(Discovery, FindsTheStatesAndFramesThatTheProcessHas) {
  RunningInterpreter process(GetParam());
  if (!process.started()) GTEST_SKIP() << GetParam() << " does not run here";
  SCOPED_TRACE(process.version);
  auto found = process.find_python();
  ASSERT_NE(found.python, nullptr);
  EXPECT_EQ(found.python->version(), process.version);
  const auto file = process.open_memory();
  ASSERT_NE(file, nullptr);
  ProcessMemory memory(*file);
  const RuntimePlace place{.bias = found.mapped.bias, .storage = process.find_storage()};
  const auto instance = found.python->locate(place, memory);
  ASSERT_TRUE(instance) << instance.error().message;
  const RuntimeValue& value = (*instance)->value();

  Reader reader(*file, value, process.thread);
  // Waiting for input the thread has released the GIL: only its key, or what has taken the key's place, knows it.
  const uint64_t waiting = reader.key_state() != 0 ? reader.key_state() : reader.tls_state();
  EXPECT_TRUE(reader.is_mine(waiting));

  process.spin();
  const bool has_key = found.python->facts().version.at_least(3, 15) || reader.field(SP_PYTHON_key_address) != 0;
  EXPECT_TRUE(has_key);
  if (reader.field(SP_PYTHON_key_address) != 0) {
    EXPECT_EQ(reader.key_state(), waiting);
  }
  if (found.python->facts().version.at_least(3, 12))
    EXPECT_EQ(reader.tls_state(), waiting);
  else
    EXPECT_EQ(reader.holder_state(), waiting);
  auto codes = reader.codes(waiting);
  ASSERT_GE(codes.size(), process.codes.size());
  codes.resize(process.codes.size());
  EXPECT_EQ(codes, process.codes);
}

// The name and the folder say nothing: content does.
TEST(RenamedInterpreter, IsFound) {
  const auto copy = std::filesystem::path(::testing::TempDir()) / "splitprof-renamed-interpreter";
  std::filesystem::copy_file(std::filesystem::canonical("/usr/bin/python3"), copy,
                             std::filesystem::copy_options::overwrite_existing);
  RunningInterpreter process(copy);
  EXPECT_TRUE(process.started());
  const auto found = process.find_python();
  std::filesystem::remove(copy);
  ASSERT_NE(found.python, nullptr);
  EXPECT_EQ(found.python->version(), process.version);
}

INSTANTIATE_TEST_SUITE_P(Interpreters, Discovery, ::testing::ValuesIn(interpreters()));

}  // namespace
}  // namespace splitprof
