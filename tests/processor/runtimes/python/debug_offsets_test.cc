// SPDX-License-Identifier: Apache-2.0
#include "processor/runtimes/python/debug_offsets.h"

#include <gtest/gtest.h>

#include <cstring>

#include "tests/processor/runtimes/python/interpreters.h"

namespace splitprof {
namespace {

using Words = std::vector<uint64_t>;

// The beginning of _PyRuntime as an interpreter of this machine has it; empty: none of 3.13 or later is here.
Words real_words(PythonVersion& version) {
  for (const std::string& command : testing::interpreters()) {
    testing::RunningInterpreter process(command);
    if (!process.started()) continue;
    const auto found = process.find_python();
    if (!found.python || !found.python->facts().version.at_least(3, 13)) continue;
    version = found.python->facts().version;
    const auto bytes =
        found.mapped.elf->read_segment_from(found.python->facts().symbols.runtime->address, kPythonDebugOffsetsBytes);
    Words words(kPythonDebugOffsetsBytes / 8);
    if (bytes && bytes->size() == kPythonDebugOffsetsBytes) std::memcpy(words.data(), bytes->data(), bytes->size());
    return words;
  }
  return {};
}

Result<> apply_words(const Words& words, PythonOffsets& offsets) {
  return apply_debug_offsets(Bytes(std::as_bytes(std::span(words))), offsets);
}

class DebugOffsets : public ::testing::Test {
 protected:
  void SetUp() override {
    words_ = real_words(version_);
    if (words_.empty()) GTEST_SKIP() << "no CPython 3.13 or later here";
    offsets_ = *python_offsets(version_);
  }
  PythonVersion version_;
  Words words_;
  PythonOffsets offsets_;
};

TEST_F(DebugOffsets, SayWhatTheTableSays) {
  const PythonOffsets table = offsets_;
  ASSERT_TRUE(apply_words(words_, offsets_));
  EXPECT_EQ(offsets_.layout, table.layout);
  EXPECT_EQ(*python_fields(offsets_, {}), *python_fields(table, {}));
}

TEST_F(DebugOffsets, WithoutTheirCookieAreRefused) {
  words_[0] ^= 1;
  const auto applied = apply_words(words_, offsets_);
  ASSERT_FALSE(applied);
  EXPECT_EQ(applied.error().code, Errc::unsupported);
}

TEST_F(DebugOffsets, OfAnotherVersionAreRefused) {
  for (const uint64_t flip : {uint64_t{1} << 16, uint64_t{1} << 24}) {
    Words other = words_;
    other[1] ^= flip;
    EXPECT_FALSE(apply_words(other, offsets_));
  }
  words_[2] ^= 1;  // free_threaded
  EXPECT_FALSE(apply_words(words_, offsets_));
}

TEST_F(DebugOffsets, CutShortAreRefused) {
  words_.resize(40);
  EXPECT_FALSE(apply_words(words_, offsets_));
  words_.clear();
  EXPECT_FALSE(apply_words(words_, offsets_));
}

TEST_F(DebugOffsets, ThatAreNoOffsetsAreRefused) {
  for (size_t i = 3; i < words_.size(); ++i) {
    Words spoilt = words_;
    spoilt[i] = 0xffffffffffffffff;
    PythonOffsets offsets = offsets_;
    if (apply_words(spoilt, offsets)) {
      EXPECT_EQ(*python_fields(offsets, {}), *python_fields(offsets_, {})) << "word " << i << " is not looked at";
    }
  }
}

}  // namespace
}  // namespace splitprof
