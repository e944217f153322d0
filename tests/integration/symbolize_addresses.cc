// SPDX-License-Identifier: Apache-2.0
//
// symbolize_addresses FILE [ALTERNATE] < ADDRESSES: prints what DebugInfo says of each hexadecimal address of the ELF
// file, for compare_symbols.py: the address, then a line for each frame, innermost first: " FUNCTION\tFILE:LINE:COLUMN"
// with "inlined " in front of what was inlined. Files of split DWARF are looked for where the file says that they are,
// and beside it. Time, memory and counts go to stderr.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <map>
#include <string>
#include <vector>

#include "processor/dwarf/debug_info.h"
#include "processor/elf/local_file.h"

namespace splitprof {
namespace {

struct OpenFile {
  std::unique_ptr<LocalFile> local;
  std::optional<ElfFile> elf;
};

Result<OpenFile> open_file(const std::string& path) {
  OpenFile file;
  file.local = TRY(LocalFile::open_path(path.c_str()));
  file.elf = TRY(ElfFile::open(*file.local));
  return file;
}

// Looks at the path itself, then for the same name beside the file that is symbolized.
class LocalSplitFiles final : public SplitFiles {
 public:
  explicit LocalSplitFiles(std::string folder) : folder_(std::move(folder)) {}

  const ElfFile* find(std::string_view path) override {
    const auto [known, is_new] = files_.try_emplace(std::string(path));
    if (is_new) {
      auto file = open_file(std::string(path));
      if (!file) file = open_file(folder_ + "/" + std::string(path.substr(path.rfind('/') + 1)));
      if (file) known->second = std::move(*file);
    }
    return known->second.elf ? &*known->second.elf : nullptr;
  }

 private:
  std::string folder_;
  std::map<std::string, OpenFile> files_;
};

std::vector<ElfAddress> read_addresses() {
  std::vector<ElfAddress> addresses;
  for (std::string line; std::getline(std::cin, line);) addresses.emplace_back(std::stoull(line, nullptr, 16));
  std::sort(addresses.begin(), addresses.end());
  addresses.erase(std::unique(addresses.begin(), addresses.end()), addresses.end());
  return addresses;
}

// Of this program alone: getrusage still knows what its parent had before it became this program.
long peak_rss_kib() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("VmHWM:")) return std::stol(line.substr(6));
  return 0;
}

Result<> run(const std::string& path, const char* alternate_path) {
  const OpenFile file = TRY(open_file(path));
  OpenFile alternate;
  if (alternate_path != nullptr) alternate = TRY(open_file(alternate_path));
  LocalSplitFiles split(path.find('/') == std::string::npos ? "." : path.substr(0, path.rfind('/')));
  const auto addresses = read_addresses();
  const long idle_kib = peak_rss_kib();
  const auto begin = std::chrono::steady_clock::now();
  DebugInfo info = TRY(DebugInfo::open(*file.elf, alternate.elf ? &*alternate.elf : nullptr, &split));
  std::string out;
  size_t found = 0, frames_found = 0;
  const auto done = info.locate(addresses, [&](ElfAddress address, std::span<const SourceFrame> frames) {
    ++found;
    frames_found += frames.size();
    out += fmt::format("{:#x}\n", address.value);
    for (const SourceFrame& frame : frames)
      out += fmt::format("  {}{}\t{}:{}:{}\n", frame.inlined ? "inlined " : "", frame.function, frame.file, frame.line,
                         frame.column);
  });
  const std::chrono::duration<double, std::micro> us = std::chrono::steady_clock::now() - begin;
  std::fwrite(out.data(), 1, out.size(), stdout);
  const DebugInfoCounts& counts = info.counts();
  fmt::print(
      stderr,
      "{} of {} addresses, {} frames: {:.1f} ms, {:.2f} us an address, {} KiB over the {} before; {} of {} units read, "
      "{} broken, {} entries, {} line rows, {} bytes, {} cut, {} split files missing{}{}\n",
      found, addresses.size(), frames_found, us.count() / 1000,
      us.count() / static_cast<double>(std::max<size_t>(1, addresses.size())), peak_rss_kib() - idle_kib, idle_kib,
      counts.units_read, counts.units, counts.units_broken, counts.dies, counts.line_rows, counts.bytes_read,
      counts.chains_cut, counts.split_missing, counts.problem.empty() ? "" : "; ", counts.problem);
  return done;
}

}  // namespace
}  // namespace splitprof

int main(int argc, char** argv) {
  if (argc != 2 && argc != 3) {
    std::fprintf(stderr, "usage: symbolize_addresses FILE [ALTERNATE] < ADDRESSES\n");
    return 2;
  }
  if (auto done = splitprof::run(argv[1], argc == 3 ? argv[2] : nullptr); !done) {
    std::fprintf(stderr, "%s: %s\n", argv[1], done.error().message.c_str());
    return 1;
  }
  return 0;
}
