// SPDX-License-Identifier: Apache-2.0
//
// What DebugInfo says of a file's addresses, kept: one text for each, a line for each frame.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "processor/dwarf/debug_info.h"
#include "processor/elf/local_file.h"
#include "tests/processor/elf/named_symbols.h"

namespace splitprof::testing {

inline std::vector<std::byte> read_data(const std::string& name) {
  std::ifstream file(SPLITPROF_SOURCE_DIR "/tests/data/dwarf/" + name, std::ios::binary);
  EXPECT_TRUE(file.is_open()) << name;
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const auto* first = reinterpret_cast<const std::byte*>(text.data());
  return {first, first + text.size()};
}

// A file in memory; does not move, as an ElfFile points to it.
struct TestFile {
  explicit TestFile(std::vector<std::byte> bytes) : memory(std::move(bytes)), elf(ElfFile::open(memory)) {}
  MemoryFile memory;
  Result<ElfFile> elf;
};

// The .dwo files of tests/data/dwarf.
class DataSplitFiles final : public SplitFiles {
 public:
  const ElfFile* find(std::string_view path) override {
    asked.emplace(path);
    auto& file = files_[std::string(path)];
    if (!file) file = std::make_unique<TestFile>(read_data(std::string(path.substr(path.rfind('/') + 1))));
    return file->elf ? &*file->elf : nullptr;
  }
  std::set<std::string> asked;

 private:
  std::map<std::string, std::unique_ptr<TestFile>> files_;
};

struct Symbolized {
  std::map<uint64_t, std::string> texts;  // by address
  DebugInfoCounts counts;
  std::optional<Error> error;
  // All that is said of the addresses of a function, each once.
  std::set<std::string> within(const ElfFile& elf, std::string_view function) const {
    std::set<std::string> found;
    for (const NamedSymbol& symbol : named_symbols(elf)) {
      if (symbol.name != function) continue;
      const auto end = texts.lower_bound(symbol.start.value + symbol.size);
      for (auto at = texts.lower_bound(symbol.start.value); at != end; ++at) found.insert(at->second);
    }
    return found;
  }
};

inline Symbolized symbolize(const ElfFile& elf, const std::vector<ElfAddress>& addresses,
                            const ElfFile* alternate = nullptr, SplitFiles* split = nullptr) {
  Symbolized all;
  auto info = DebugInfo::open(elf, alternate, split);
  if (!info) {
    all.error = info.error();
    return all;
  }
  const auto done = info->locate(addresses, [&](ElfAddress address, std::span<const SourceFrame> frames) {
    std::string text;
    for (const SourceFrame& frame : frames)
      text += fmt::format("{}{} {}:{}\n", frame.inlined ? "inlined " : "", frame.function, frame.file, frame.line);
    for (size_t at; (at = text.find("/./")) != std::string::npos;) text.erase(at, 2);  // clang's way to say "here"
    EXPECT_FALSE(frames.empty());
    EXPECT_TRUE(all.texts.emplace(address.value, text).second) << "twice";
  });
  if (!done) all.error = done.error();
  all.counts = info->counts();
  return all;
}

// Every byte of every function.
inline std::vector<ElfAddress> all_addresses(const ElfFile& elf) {
  std::set<ElfAddress> addresses;
  for (const NamedSymbol& symbol : named_symbols(elf)) {
    for (uint64_t byte = 0; byte < std::min<uint64_t>(symbol.size, 4096); ++byte)
      addresses.emplace(symbol.start.value + byte);
  }
  return {addresses.begin(), addresses.end()};
}

}  // namespace splitprof::testing
