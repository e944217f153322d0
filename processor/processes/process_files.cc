// SPDX-License-Identifier: Apache-2.0
#include "processor/processes/process_files.h"

namespace splitprof {
namespace {

// The sampler keeps what an exec took for 2 s.
constexpr uint64_t kTakenKeptNs = 1'900'000'000;
// The sampler tells of it within some 100 ms of the exec, or never; then another process may still run the same file.
// Shorter than samples are held.
constexpr uint64_t kTakenPatienceNs = 1'700'000'000;
constexpr std::string_view kVdso = "[vdso]";

bool was_sampled_in(const Process& process, RuntimeAddress start, uint64_t length) {
  return process.sampled_at.value - start.value < length;
}

}  // namespace

std::shared_ptr<MappedFile> ProcessFiles::file_of(const MappedFileKey& key, const Process& process,
                                                  RuntimeAddress start, uint64_t length, bool lives, uint64_t now_ns) {
  const RuntimeAddress end(start.value + length);
  const bool ask = process.wants_files && lives && process.key.value != 0;
  // The vDSO stays the same file when a listing is read again: it is found by its place.
  if (key.path == kVdso) {
    const auto* known = process.find(start.value);
    if (known != nullptr && known->start == start && known->length == length && known->file != nullptr &&
        known->file->state != MappedFile::State::unopened)
      return known->file;
    return ask ? executables_.open_vdso({process.key, start, end}, now_ns) : executables_.find_vdso(length);
  }
  if (key.inode == 0) return nullptr;
  const bool sampled = was_sampled_in(process, start, length);
  return ask ? executables_.find_or_open(key, {process.key, start, end, sampled}, now_ns) : executables_.find(key);
}

void ProcessFiles::open_all(Process& process, bool lives, uint64_t now_ns) {
  using State = MappedFile::State;
  // What is known of a key may be old: of a process that can be asked, every file is looked at once.
  const bool look_again = !process.wants_files && lives;
  process.wants_files = true;
  process.awaits_program = false;
  process.resolvable = false;
  bool program = process.exec_ns != 0;
  for (auto& mapping : process.mappings) {
    if (mapping.file == nullptr) continue;
    const bool vdso = mapping.file->key.path == kVdso;
    if (program && !vdso) {  // the kernel maps the program itself before its libraries
      program = false;
      const bool again = mapping.file->gone && !mapping.retried;
      if (again && process.program_opened) mapping.retried = true;
      if (!process.program_opened || again) open_program(process, mapping, lives, now_ns);
      continue;
    }
    if (vdso && mapping.file->state == State::unopened) mapping.file = executables_.find_vdso(mapping.length);
    const bool again = mapping.file->gone && !mapping.retried;  // once: it may be in vain
    if (again) mapping.retried = true;
    if (mapping.file->state == State::unopened || again || (look_again && !vdso))
      mapping.file = file_of(MappedFileKey(mapping.file->key), process, mapping.start, mapping.length, lives, now_ns);
    if (mapping.file->state == State::unopened) executables_.give_up(*mapping.file, now_ns);
  }
}

void ProcessFiles::open_program(Process& process, ProcessMapping& mapping, bool lives, uint64_t now_ns) {
  const auto key = mapping.file->key;
  process.program_opened = true;
  if (auto known = executables_.find_trusted(key, now_ns)) {
    mapping.file = std::move(known);
  } else if (process.exec_key != 0 && now_ns < process.exec_ns + kTakenKeptNs) {
    ++metrics_.files_taken;
    mapping.file = executables_.open_executed(key, process.exec_key, now_ns);
  } else if (lives && process.key.value != 0) {
    const bool sampled = was_sampled_in(process, mapping.start, mapping.length);
    mapping.file =
        executables_.find_or_open(key, {process.key, mapping.start, RuntimeAddress(mapping.end()), sampled}, now_ns);
  } else if (now_ns < process.exec_ns + kTakenPatienceNs) {
    process.awaits_program = true;
    process.program_opened = false;
  } else {
    ++metrics_.files_not_taken;
    mapping.file = executables_.find(key);
    if (mapping.file->state == MappedFile::State::unopened) executables_.give_up(*mapping.file, now_ns);
  }
}

}  // namespace splitprof
