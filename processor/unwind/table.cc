// SPDX-License-Identifier: Apache-2.0
#include "processor/unwind/table.h"

#include <algorithm>
#include <memory>
#include <vector>

#include "processor/unwind/fde_source.h"
#include "processor/unwind/go_rows.h"
#include "processor/unwind/page_writer.h"
#include "processor/unwind/rule_set.h"
#include "processor/unwind/signal_return.h"

namespace splitprof {
namespace {

// One source's functions in the order of addresses, one of them read at a time.
class Functions {
 public:
  Functions(RowSource& source, std::span<const Segment> code) : source_(source), index_(code) {}

  Result<uint64_t> list() {
    const uint64_t broken = TRY(source_.list(index_));
    index_.sort();
    return broken;
  }
  size_t size() const { return index_.size(); }

  // The first function, in order, that ends after `address`; null: none is left.
  const FunctionRows* next(uint64_t address) {
    while (end_ <= address) {
      if (at_ == 0) has_next_ = read_next();
      if (!has_next_) return nullptr;
      std::swap(current_, next_);
      has_next_ = read_next();
      end_ = current_.start.value + current_.size;
      if (has_next_) end_ = std::min(end_, next_.start.value);
    }
    return &current_;
  }
  uint64_t end() const { return end_; }  // of what `next` returned: its own, or where a later one begins

  uint64_t read() const { return read_; }
  uint64_t rows() const { return rows_; }
  uint64_t broken() const { return broken_; }

 private:
  // What is broken is not there: it does not cut the one before it off, either.
  bool read_next() {
    while (at_ < index_.size()) {
      if (source_.read_rows(index_.number(at_++), next_)) {
        ++read_;
        rows_ += next_.rows.size();
        return true;
      }
      ++broken_;
    }
    return false;
  }

  RowSource& source_;
  FunctionIndex index_;
  size_t at_ = 0;  // the next one to be read
  FunctionRows current_, next_;
  bool has_next_ = false;
  uint64_t end_ = 0;
  uint64_t read_ = 0, rows_ = 0, broken_ = 0;
};

class Compiler {
 public:
  Compiler(std::span<std::unique_ptr<Functions>> levels, InstallTable& table)
      : levels_(levels), table_(table), writer_(table) {}

  // Writes what holds in [from, to): the functions of this level, and between them those of the next one.
  void fill(size_t level, uint64_t from, uint64_t to) {
    if (level == levels_.size()) return writer_.set(from, SP_RULE_NONE);
    Functions& functions = *levels_[level];
    while (from < to && table_.rows.size() <= kMaxTableRows) {
      const FunctionRows* function = functions.next(from);
      if (function == nullptr || function->start.value >= to) return fill(level + 1, from, to);
      if (function->start.value > from) fill(level + 1, from, function->start.value);
      const uint64_t begin = std::max(from, function->start.value);
      from = std::min(to, functions.end());
      write(*function, begin, from);
    }
  }

  bool finish() { return writer_.finish(); }
  RuleSet& rules() { return rules_; }

 private:
  void write(const FunctionRows& function, uint64_t begin, uint64_t end) {
    uint32_t carried = SP_RULE_NONE;  // what holds at `begin`
    bool wrote = false;
    for (const RuleRow& row : function.rows) {
      const uint64_t address = function.start.value + row.offset;
      if (address >= end) break;
      const uint32_t rule = rules_.use(row.rule);
      if (address <= begin) {
        carried = rule;
        continue;
      }
      if (!std::exchange(wrote, true)) writer_.set(begin, carried);
      writer_.set(address, rule);
    }
    if (!wrote) writer_.set(begin, carried);
  }

  std::span<std::unique_ptr<Functions>> levels_;
  InstallTable& table_;
  PageWriter writer_;
  RuleSet rules_;
};

}  // namespace

uint64_t CompiledTable::ask_rows() const {
  return static_cast<uint64_t>(std::count_if(table.rows.begin(), table.rows.end(),
                                             [](uint32_t row) { return SP_ROW_RULE(row) == SP_RULE_ASK; }));
}

Result<CompiledTable> compile_rows(std::span<RowSource* const> sources, std::span<const Segment> code) {
  CompiledTable compiled;
  std::vector<std::unique_ptr<Functions>> levels;
  size_t bytes = 0;
  for (RowSource* source : sources) {
    levels.push_back(std::make_unique<Functions>(*source, code));
    compiled.broken += TRY(levels.back()->list());
    bytes += source->size_bytes();
  }
  InstallTable& table = compiled.table;
  // Memory that is never written costs nothing but addresses; growing would copy the rows, and hold them twice.
  table.rows.reserve(std::min(bytes / 3, kMaxTableRows));
  Compiler compiler(levels, table);
  compiler.fill(0, 0, UINT64_MAX);
  const bool fits = compiler.finish();
  for (const auto& functions : levels) {
    compiled.functions += functions->read();
    compiled.rows += functions->rows();
    compiled.broken += functions->broken();
  }
  if (table.rows.size() > kMaxTableRows) return fail(Errc::too_large, "more than {} rows", kMaxTableRows);
  if (!fits) return fail(Errc::too_large, "functions are spread over more than {} pages of 64 KiB", SP_MAX_PAGES);
  if (table.rows.empty()) return fail(Errc::not_found, "no function has unwind information");
  std::optional<std::vector<uint16_t>> renumber;
  table.rules = compiler.rules().take(renumber);
  if (renumber) PageWriter::renumber(table, *renumber);
  return compiled;
}

Result<CompiledTable> compile_table(const ElfFile& file) {
  std::vector<std::unique_ptr<RowSource>> owned;
  const auto add_frames = [&](Result<CallFrames> frames) {
    if (frames) owned.push_back(std::make_unique<FdeSource>(std::move(*frames), file.machine()));
  };
  add_frames(read_eh_frame(file));
  if (auto rows = read_go_rows(file))
    owned.push_back(std::move(*rows));  // its .debug_frame says the same, but for where stacks change and end
  else
    add_frames(read_debug_frame(file));
  if (auto trampoline = read_signal_return(file)) owned.push_back(std::move(*trampoline));
  std::vector<RowSource*> sources;
  for (const auto& source : owned) sources.push_back(source.get());
  return compile_rows(sources, file.segments());
}

}  // namespace splitprof
