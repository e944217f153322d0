// SPDX-License-Identifier: Apache-2.0
#include "tests/bpf/host_world.h"

#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <map>

#include "processor/elf/local_file.h"
#include "processor/unwind/table.h"
#include "shared/check.h"

namespace splitprof {

HostWorld::HostWorld() : executables(1) {
  chunks.push_back(std::make_unique<sp_chunk>());
}

uint32_t HostWorld::write(std::span<const uint32_t> words) {
  CHECK(words.size() < SP_CHUNK_WORDS);
  if (used_ + words.size() > SP_CHUNK_WORDS) {
    chunks.push_back(std::make_unique<sp_chunk>());
    used_ = 0;
  }
  const uint32_t ref = SP_REF(chunks.size() - 1, used_);
  std::memcpy(&chunks.back()->words[used_], words.data(), words.size_bytes());
  used_ += static_cast<uint32_t>(words.size());
  return ref;
}

uint32_t HostWorld::install(const InstallTable& table) {
  const auto first_rule = static_cast<uint32_t>(rules.size());
  for (uint64_t word : table.rules) std::memcpy(&rules.emplace_back(), &word, sizeof word);
  const uint32_t generation = ++generation_;
  std::vector<uint32_t> index{generation, 0};
  size_t at = 0;
  for (uint16_t count : table.counts) {
    if (!count) {
      index.insert(index.end(), {0, 0});
      continue;
    }
    std::vector<uint32_t> words{generation};
    for (size_t i = at; i < at + count; ++i) {
      // Rule 0 means "none" whatever the table.
      const uint32_t rule = SP_ROW_RULE(table.rows[i]);
      words.push_back(SP_ROW(SP_ROW_OFFSET(table.rows[i]), rule ? first_rule + rule : 0));
    }
    index.insert(index.end(), {write(words), count});
    at += count;
  }
  executables.push_back({generation, write(index), static_cast<uint32_t>(table.counts.size()), 0, table.first_page});
  return SP_TABLE(executables.size() - 1, generation);
}

void HostWorld::set_mappings(sp_walk& walk, std::span<const sp_mapping> mappings) {
  std::vector<uint32_t> words(SP_LIST_HEADER_WORDS + mappings.size() * 6);
  words[0] = ++generation_;
  if (!mappings.empty()) std::memcpy(&words[SP_LIST_HEADER_WORDS], mappings.data(), mappings.size_bytes());
  walk.list = write(words);
  walk.list_generation = generation_;
  walk.n_mappings = static_cast<uint32_t>(mappings.size());
}

std::vector<sp_mapping> HostWorld::own_mappings() {
  struct Known {
    uint32_t table;
    std::unique_ptr<ReadableFile> file;
    std::unique_ptr<ElfFile> elf;
  };
  std::map<std::string, Known> known;
  std::vector<sp_mapping> mappings;
  FILE* maps = fopen("/proc/self/maps", "r");
  CHECK(maps);
  char line[4352];
  while (fgets(line, sizeof line, maps)) {
    uint64_t start, end, offset;
    char permissions[5], path[4096] = "";
    const int fields = sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %" SCNx64 " %*s %*s %4095s", &start, &end, permissions,
                              &offset, path);
    if (fields < 4 || permissions[2] != 'x') continue;
    sp_mapping mapping{start, 0, static_cast<uint32_t>((end - start) / 4096), 0};
    if (path[0] == '/') {
      auto& entry = known[path];
      if (!entry.file) {
        auto file = LocalFile::open(kj::AutoCloseFd(open(path, O_RDONLY | O_CLOEXEC)));
        CHECK(file.has_value());
        entry.file = std::move(file).value();
        auto elf = ElfFile::open(*entry.file);
        CHECK(elf.has_value());
        entry.elf = std::make_unique<ElfFile>(std::move(elf).value());
        auto table = compile_table(*entry.elf);
        entry.table = table ? install(table->table) : 0;
      }
      auto address = entry.elf->address_of(FileOffset(offset));
      CHECK(address.has_value());
      mapping.bias = start - address->value;
      mapping.table = entry.table;
    }
    mappings.push_back(mapping);
  }
  fclose(maps);
  return mappings;
}

bool HostWorld::read_user(uint64_t address, std::span<std::byte> into) {
  if (on_read) on_read(address);
  for (const auto& piece : memory) {
    if (address < piece.start || address - piece.start > piece.bytes.size()) continue;
    if (piece.bytes.size() - (address - piece.start) < into.size()) continue;
    std::memcpy(into.data(), piece.bytes.data() + (address - piece.start), into.size());
    return true;
  }
  if (!all_memory) return false;
  iovec here{into.data(), into.size()}, there{reinterpret_cast<void*>(address), into.size()};
  return process_vm_readv(getpid(), &here, 1, &there, 1, 0) == static_cast<ssize_t>(into.size());
}
sp_chunk* HostWorld::find_chunk(uint32_t slot) {
  return slot < chunks.size() ? chunks[slot].get() : nullptr;
}
sp_executable* HostWorld::find_executable(uint32_t index) {
  ++table_looks;
  return index < executables.size() ? &executables[index] : nullptr;
}
sp_rule* HostWorld::find_rule(uint32_t number) {
  return number < rules.size() ? &rules[number] : nullptr;
}

sp_runtime* HostWorld::find_runtime(uint32_t number) {
  return number < runtimes.size() ? &runtimes[number] : nullptr;
}

}  // namespace splitprof
