// SPDX-License-Identifier: Apache-2.0
//
// Files that say they are CPython and are not: as they are, and spoilt wherever the search looks.
#include <elf.h>
#include <gtest/gtest.h>

#include "bpf/python.h"
#include "processor/runtimes/python/python.h"
#include "processor/runtimes/thread_storage.h"
#include "tests/processor/runtimes/file_memory.h"
#include "tests/processor/runtimes/python/interpreters.h"

namespace splitprof {
namespace {

using testing::FileMemory;
constexpr ThreadStorage kStorage{.kind = SP_STORAGE_BLOCKS, .offset = 0x510};

std::vector<std::byte> imitation(int minor) {
  const auto file = LocalFile::open_path((SPLITPROF_PROGRAMS "/python_imitation_" + std::to_string(minor)).c_str());
  if (!file) return {};
  std::vector<std::byte> bytes((*file)->identity().size);
  EXPECT_TRUE((*file)->read_at(0, bytes));
  return bytes;
}

using Instance = Result<std::unique_ptr<RuntimeInstance>>;

// As far as it goes with a file of these bytes; null: no CPython.
Instance look_into(const std::vector<std::byte>& bytes, uint64_t bias) {
  MemoryFile file(bytes);
  const auto elf = ElfFile::open(file);
  if (!elf) return elf.error();
  (void)find_thread_storage(*elf);
  const auto found = python_runtime().inspect(*elf, "imitation");
  if (!found) return found.error();
  if (!*found) return std::unique_ptr<RuntimeInstance>();
  FileMemory memory_file(*elf, bias);
  ProcessMemory memory(memory_file);
  return (*found)->locate({.bias = bias, .storage = kStorage}, memory);
}

// What the sampler asks of a value, so that it never has to refuse one of ours.
void expect_sound(const RuntimeValue& value) {
  EXPECT_GE(value.loops.size(), 1u);
  EXPECT_LE(value.loops.size(), size_t{SP_MAX_CODE_RANGES});
  EXPECT_EQ(value.fields.size(), SP_PYTHON_state_base + 1u);
#define SP_FIELD(number, name, lowest, highest, text)        \
  EXPECT_GE(int64_t(value.fields[number]), int64_t{lowest}); \
  EXPECT_LE(value.fields[number], uint64_t{highest}) << #name;
#include "bpf/python.def"
#undef SP_FIELD
}

// Of the imitation's loop: GCC moves what is unlikely away, Clang does that only where a profile says so.
#ifdef __clang__
constexpr size_t kParts = 1;
#else
constexpr size_t kParts = 2;
#endif

class Imitation : public ::testing::TestWithParam<int> {};

TEST_P(Imitation, IsFoundBySymbolTableAndCode) {
  const auto bytes = imitation(GetParam());
  MemoryFile file(bytes);
  const auto elf = ElfFile::open(file);
  ASSERT_TRUE(elf);
  const auto found = python_runtime().inspect(*elf, "imitation");
  ASSERT_TRUE(found) << found.error().message;
  ASSERT_NE(*found, nullptr);
  EXPECT_EQ((*found)->version(), "3." + std::to_string(GetParam()) + ".5");
  EXPECT_EQ(static_cast<const PythonFile&>(**found).facts().loops.size(), kParts);
  for (const uint64_t bias : {uint64_t{0}, uint64_t{0x7f1234560000}}) {
    // Its pointers are right without a bias only: with one the type's name is nowhere.
    const auto instance = look_into(bytes, bias);
    if (bias != 0) {
      ASSERT_FALSE(instance);
      EXPECT_EQ(instance.error().code, Errc::not_found);
      continue;
    }
    ASSERT_TRUE(instance) << instance.error().message;
    const RuntimeValue& value = (*instance)->value();
    expect_sound(value);
    EXPECT_EQ(value.storage, kStorage);
    EXPECT_NE(value.fields[SP_PYTHON_key_address], 0u);
    EXPECT_EQ(value.fields[SP_PYTHON_holder_address] != 0, GetParam() < 12);
    EXPECT_EQ(value.tls.access, GetParam() < 12 ? SP_TLS_NONE : SP_TLS_OFFSET);
  }
}

TEST_P(Imitation, SpoiltAnywhereGivesAnErrorOrASoundValue) {
  const auto whole = imitation(GetParam());
  ASSERT_FALSE(whole.empty());
  size_t sound = 0, refused = 0;
  for (size_t at = 0; at < whole.size(); ++at) {
    auto spoilt = whole;
    spoilt[at] ^= std::byte{0xff};
    const auto instance = look_into(spoilt, 0);
    if (!instance)
      ++refused;
    else if (*instance) {
      expect_sound((*instance)->value());
      ++sound;
    }
  }
  EXPECT_GT(sound, whole.size() / 2) << "most bytes are padding";
  EXPECT_GT(refused, 200u);
}

TEST_P(Imitation, CutAnywhereDoesNoHarm) {
  const auto whole = imitation(GetParam());
  for (size_t size = 0; size < whole.size(); size += 13)
    (void)look_into({whole.begin(), whole.begin() + static_cast<ptrdiff_t>(size)}, 0);
}

INSTANTIATE_TEST_SUITE_P(Versions, Imitation, ::testing::Values(8, 11, 13, 14));

TEST(Python, PlacesOfFramesComeFromTheirWordsAlone) {
  const Runtime& python = python_runtime();
  const uint64_t words[] = {SP_PYTHON_WORD(uint64_t{0x7f0011223344}, uint64_t{0x1234})};
  const auto place = python.place_of({.flags = 0x5600, .extra = 7, .words = words});
  ASSERT_TRUE(place);
  EXPECT_EQ(place->object, 0x7f0011223344u);
  EXPECT_EQ(place->position, 0x561234u);
  EXPECT_EQ(place->check, 7u);
  EXPECT_FALSE(python.place_of({.flags = SP_FRAME_ERROR, .words = words}));
  EXPECT_FALSE(python.place_of({}));
}

}  // namespace
}  // namespace splitprof
