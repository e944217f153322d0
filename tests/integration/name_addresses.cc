// SPDX-License-Identifier: Apache-2.0
//
// What the processor would call addresses: name_addresses FILE [--debug FILE] [--alternate FILE] [--time N] reads
// hexadecimal addresses, one a line, and prints one JSON object for each, in ascending order. Without addresses: what
// the file says about debug files, and what its symbol index costs. --time: looks the same batch up N times.
#include <chrono>
#include <cstdio>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "processor/elf/local_file.h"
#include "processor/symbols/file_symbols.h"

using namespace splitprof;

namespace {

std::unique_ptr<LocalFile> open_or_exit(const char* path) {
  auto file = LocalFile::open_path(path);
  if (!file) {
    std::fprintf(stderr, "%s\n", file.error().message.c_str());
    std::exit(1);
  }
  return std::move(*file);
}

void print(const Resolved& resolved) {
  for (const auto& place : resolved.names.places) {
    nlohmann::json frames = nlohmann::json::array();
    for (uint32_t i = 0; i < place.count; ++i) {
      const Symbol& symbol = resolved.names.symbols[place.first + i];
      frames.push_back(
          {{"function", symbol.function}, {"file", symbol.file}, {"line", symbol.line}, {"inlined", symbol.inlined}});
    }
    const nlohmann::json line = {{"address", place.address}, {"frames", std::move(frames)}};
    std::printf("%s\n", line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
  }
}

}  // namespace

int main(int argc, char** argv) {
  std::unique_ptr<LocalFile> mapped, debug, alternate;
  int times = 1;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word == "--debug" && i + 1 < argc)
      debug = open_or_exit(argv[++i]);
    else if (word == "--alternate" && i + 1 < argc)
      alternate = open_or_exit(argv[++i]);
    else if (word == "--time" && i + 1 < argc)
      times = std::atoi(argv[++i]);
    else
      mapped = open_or_exit(argv[i]);
  }
  if (mapped == nullptr) {
    std::fprintf(stderr, "usage: name_addresses FILE [--debug FILE] [--alternate FILE] [--time N] < ADDRESSES\n");
    return 2;
  }

  const auto inspected = inspect(*mapped);
  if (!inspected) {
    std::fprintf(stderr, "%s\n", inspected.error().message.c_str());
    return 1;
  }
  auto alternate_link = inspected->alternate_link;
  if (debug != nullptr) {
    auto accepted = accept_debug_file(*mapped, *inspected, *debug);
    if (!accepted) {
      std::fprintf(stderr, "%s\n", accepted.error().message.c_str());
      return 3;
    }
    alternate_link = std::move(*accepted);
  }
  if (alternate != nullptr && (!alternate_link || !accept_alternate_file(*alternate_link, *alternate))) {
    std::fprintf(stderr, "an alternate file of another executable\n");
    return 3;
  }

  std::set<ElfAddress> sorted;
  for (std::string line; std::getline(std::cin, line);) sorted.insert(ElfAddress(std::stoull(line, nullptr, 16)));
  const std::vector<ElfAddress> addresses(sorted.begin(), sorted.end());
  std::shared_ptr<const SymbolIndex> index;
  for (int i = 0; i < times; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    auto resolved = resolve_names({mapped.get(), debug.get(), alternate.get()}, index, addresses);
    const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - begin;
    if (!resolved) {
      std::fprintf(stderr, "%s\n", resolved.error().message.c_str());
      return 1;
    }
    if (!resolved->problem.empty()) std::fprintf(stderr, "left out: %s\n", resolved->problem.c_str());
    if (times > 1) std::fprintf(stderr, "%zu addresses: %.1f ms\n", addresses.size(), took.count());
    index = resolved->index;
    if (i == 0 && !addresses.empty()) print(*resolved);
  }
  if (addresses.empty()) {
    const double each = index->size() == 0 ? 0 : static_cast<double>(index->memory_bytes()) / index->size();
    const nlohmann::json facts = {
        {"build_id", inspected->build_id},
        {"wants_debug_file", inspected->wants_debug_file},
        {"debug_link", inspected->debug_link ? inspected->debug_link->name : ""},
        {"alternate_link", alternate_link ? alternate_link->name : ""},
        {"symbols", index->size()},
        {"bytes_per_symbol", each},
    };
    std::printf("%s\n", facts.dump().c_str());
  }
  return 0;
}
