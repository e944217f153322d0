// SPDX-License-Identifier: Apache-2.0
#include "processor/processes/rewalk.h"

namespace splitprof {

Rewalk::Outcome Rewalk::improve(SampleRecord& sample, const Process& process, bool last) {
  if (sample.stack.empty()) return Outcome::nothing_to_walk;
  list_.clear();
  for (const auto& mapping : process.mappings) {
    const auto* executable = mapping.file == nullptr ? nullptr : mapping.file->executable;
    list_.push_back({.start = mapping.start.value,
                     .bias = executable == nullptr ? 0 : executable->bias(mapping.start, mapping.file_offset),
                     .n_pages = static_cast<uint32_t>(mapping.length >> 12),
                     .table = table_of(mapping)});
  }
  walk_.set_mappings(list_);
  loops_.clear();
  if (process.interpreters != nullptr)
    for (const auto& instance : process.interpreters->instances)
      loops_.insert(loops_.end(), instance->value().loops.begin(), instance->value().loops.end());
  walk_.set_loops(loops_);
  const uint32_t frames = walk_.walk({sample.registers, sample.stack_address, sample.stack});
  const uint16_t end = walk_.end();
  if (end == SP_COUNT_table_pending && !last && awaits_table(process)) return Outcome::waits;
  // Of as many frames the later walk, which had the tables, knows better why there are no more.
  if (end != SP_COUNT_complete && frames + sample.interpreted_frames < sample.user_frames.size())
    return Outcome::no_better;
  replace_frames(sample);
  return Outcome::better;
}

void Rewalk::count(const SampleRecord& sample, Outcome outcome) {
  if (outcome == Outcome::nothing_to_walk) return;
  ++metrics_.samples_rewalked;
  metrics_.samples_rewalked_whole += sample.end == SP_COUNT_complete;
  metrics_.samples_rewalked_without_table += sample.end == SP_COUNT_table_pending;
  metrics_.samples_rewalked_no_better += outcome == Outcome::no_better;
}

// As the kernel's list would say it. A file that could not be read is no file without unwind rows: nobody knows whether
// its code has frame pointers, so the walk ends there.
uint32_t Rewalk::table_of(const ProcessMapping& mapping) const {
  if (mapping.file == nullptr) return 0;
  const auto* executable = mapping.file->executable;
  if (executable == nullptr || !executable->loaded || executable->segments.empty()) return SP_TABLE_PENDING;
  const uint32_t table = tables_.find(executable->number);
  if (table != 0) return table;
  return executable->has_rows ? SP_TABLE_PENDING : 0;
}

bool Rewalk::awaits_table(const Process& process) {
  const auto* mapping = process.find(walk_.pending_address());
  if (mapping == nullptr || mapping->file == nullptr) return false;
  auto* executable = mapping->file->executable;
  return executable != nullptr && executables_.compile_again(*executable);
}

void Rewalk::replace_frames(SampleRecord& sample) {
  sample.end = walk_.end();
  frames_.clear();
  words_.clear();
  for (const auto& cell : walk_.leaf_cells()) append(cell.header, cell.word);
  if (const uint32_t left_out = walk_.left_out(); left_out != 0)
    append(SP_FRAME_HEADER(SP_FRAME_ABORT, 1, 0, left_out), SP_ABORT_GAP);
  for (const auto& cell : walk_.root_cells()) append(cell.header, cell.word);
  splicer_.splice_into(sample, frames_, words_);
}

void Rewalk::append(uint64_t header, uint64_t word) {
  frames_.push_back({.kind = SP_FRAME_KIND(header),
                     .n_words = SP_FRAME_WORDS(header),
                     .flags = SP_FRAME_FLAGS(header),
                     .extra = SP_FRAME_EXTRA(header),
                     .first_word = static_cast<uint32_t>(words_.size())});
  words_.push_back(word);
}

}  // namespace splitprof
