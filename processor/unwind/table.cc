// SPDX-License-Identifier: Apache-2.0
#include "processor/unwind/table.h"

#include <algorithm>
#include <limits>
#include <numeric>

namespace splitprof {
namespace {

constexpr uint64_t kPageBytes = uint64_t{1} << SP_ROW_PAGE_SHIFT;
constexpr size_t kMaxDistinctRules = 65536;  // before the rarest go; 2,389 files of Debian have 4,456 together

template <typename T>
bool fits(int64_t value) {
  return value >= std::numeric_limits<T>::min() && value <= std::numeric_limits<T>::max();
}

// The kernel's signal frame, as glibc and musl describe it: the CFA is a value saved in it (an expression), or, on
// arm64, the frame record in it. 'S' alone may also mark an ordinary frame that begins at an exact address.
bool kernel_signal_frame(const Row& row, Machine machine) {
  return row.signal && (machine == Machine::arm64 || row.cfa.kind == CfaRule::Kind::deref ||
                        row.cfa.kind == CfaRule::Kind::expression);
}

// How the CFA is found; SP_CFA_ASK when it cannot be said. Sets the rule's cfa and cfa_offset.
bool set_cfa(const CfaRule& cfa, Machine machine, sp_rule& rule) {
  const UnwindRegisters registers = unwind_registers(machine);
  if (!fits<int32_t>(cfa.offset)) return false;
  rule.cfa_offset = static_cast<int32_t>(cfa.offset);
  switch (cfa.kind) {
    case CfaRule::Kind::register_offset:
      if (cfa.reg == registers.sp) {
        rule.cfa = SP_CFA_SP;
      } else if (cfa.reg == registers.fp) {
        rule.cfa = SP_CFA_FP;
      } else if (cfa.reg < 16) {  // four bits hold no more
        rule.cfa = static_cast<uint8_t>(SP_CFA_REGISTER | cfa.reg << 4);
      } else {
        return false;
      }
      return true;
    case CfaRule::Kind::plt:
      rule.cfa = SP_CFA_PLT;
      return true;
    case CfaRule::Kind::deref:
      if (cfa.reg == registers.sp)
        rule.cfa = SP_CFA_DEREF_SP;
      else if (cfa.reg == registers.fp)
        rule.cfa = SP_CFA_DEREF_FP;
      else
        return false;
      if (cfa.addend % 8 != 0 || cfa.addend / 8 > 15) return false;
      rule.cfa |= static_cast<uint8_t>(cfa.addend / 8 << 4);
      return true;
    case CfaRule::Kind::expression:
    case CfaRule::Kind::none:
      return false;
  }
  return false;
}

// Where frame pointer and return address are. One offset serves both, so not every pair can be said.
bool set_saved(const Row& row, Machine machine, sp_rule& rule) {
  using Kind = RegisterRule::Kind;
  uint8_t fp;
  int64_t fp_offset = 0;
  switch (row.fp.kind) {
    case Kind::unspecified:
    case Kind::same:
    case Kind::undefined:  // lost: whatever is there now is as good as anything
      fp = SP_FP_SAME;
      break;
    case Kind::cfa_offset:
      fp = SP_FP_CFA_OFFSET;
      fp_offset = row.fp.offset;
      break;
    case Kind::at_register:
      if (row.fp.reg != unwind_registers(machine).fp) return false;
      fp = SP_FP_FP_OFFSET;
      fp_offset = row.fp.offset;
      break;
    default:
      return false;
  }
  uint8_t ra;
  const bool arm64 = machine == Machine::arm64;
  if (row.ra.kind == Kind::cfa_offset) {
    if (arm64 && fp == SP_FP_CFA_OFFSET && row.ra.offset == row.fp.offset + 8) {
      ra = SP_RA_AFTER_FP;
    } else if (row.ra.offset == -8) {
      ra = SP_RA_CFA_8;
    } else if (fp == SP_FP_SAME) {
      ra = SP_RA_CFA_OFFSET;
      fp_offset = row.ra.offset;
    } else {
      return false;
    }
  } else if (arm64 && (row.ra.kind == Kind::unspecified || row.ra.kind == Kind::same)) {
    ra = SP_RA_REGISTER;
  } else {
    return false;
  }
  if (!fits<int16_t>(fp_offset)) return false;
  rule.fp_offset = static_cast<int16_t>(fp_offset);
  rule.saved = SP_RULE_SAVED(fp, ra);
  return true;
}

// Writes rows page after page in ascending order of addresses.
class PageWriter {
 public:
  PageWriter(InstallTable& table, uint64_t n_pages) : table_(table), last_page_(table.first_page + n_pages - 1) {
    table_.counts.reserve(n_pages);
    open_page(table.first_page);
  }

  // `rule` holds from `address` on.
  void set(uint64_t address, uint32_t rule) {
    if (rule == rule_) return;
    const uint64_t page = address >> SP_ROW_PAGE_SHIFT;
    if (page > last_page_) return;
    while (page_ < page) {
      close_page();
      open_page(page_ + 1);
    }
    const uint32_t offset = address & (kPageBytes - 1);
    if (SP_ROW_OFFSET(table_.rows.back()) == offset)
      table_.rows.back() = SP_ROW(offset, rule);  // takes the place of what was carried in
    else
      table_.rows.push_back(SP_ROW(offset, rule));
    rule_ = rule;
  }

  void finish() {
    close_page();
    while (page_ < last_page_) {
      open_page(page_ + 1);
      close_page();
    }
  }

 private:
  void open_page(uint64_t page) {
    page_ = page;
    begin_ = table_.rows.size();
    table_.rows.push_back(SP_ROW(0, rule_));
  }

  void close_page() {
    size_t count = table_.rows.size() - begin_;
    if (count > SP_MAX_ROWS_PER_PAGE) {
      table_.rows.resize(begin_ + 1);
      table_.rows[begin_] = SP_ROW(0, SP_RULE_ASK);
      count = 1;
    } else if (count == 1 && SP_ROW_RULE(table_.rows[begin_]) == SP_RULE_NONE) {
      table_.rows.resize(begin_);
      count = 0;
    }
    table_.counts.push_back(static_cast<uint16_t>(count));
  }

  InstallTable& table_;
  const uint64_t last_page_;
  uint64_t page_ = 0;
  size_t begin_ = 0;  // of the page's rows
  uint32_t rule_ = SP_RULE_NONE;
};

}  // namespace

sp_rule to_rule(const Row& row, Machine machine) {
  if (row.ra.kind == RegisterRule::Kind::undefined) return {.cfa = SP_CFA_END};
  if (kernel_signal_frame(row, machine)) return {.cfa = SP_CFA_SIGNAL};
  if (row.cfa.kind == CfaRule::Kind::none) return {.cfa = SP_CFA_NONE};
  sp_rule rule{};
  if (!set_cfa(row.cfa, machine, rule) || !set_saved(row, machine, rule)) return {.cfa = SP_CFA_ASK};
  return rule;
}

uint64_t rule_word(const sp_rule& rule) {
  return std::bit_cast<uint64_t>(rule);
}

TableBuilder::TableBuilder(Machine machine) : machine_(machine), known_(kKnownRules) {
  // In the order of SP_RULE_NONE and SP_RULE_ASK.
  for (const uint8_t cfa : {SP_CFA_NONE, SP_CFA_ASK}) {
    const uint64_t word = rule_word({.cfa = cfa});
    numbers_.emplace(word, static_cast<uint16_t>(words_.size()));
    words_.push_back(word);
    uses_.push_back(0);
  }
}

uint16_t TableBuilder::rule_number(const Row& row) {
  const uint64_t word = rule_word(to_rule(row, machine_));
  // A number for a word is asked for millions of times, and 41 words are 90 % of the answers: a small cache of the last
  // word in each place. Multiplying by 2^64 / golden ratio mixes the bits (Knuth, volume 3, section 6.4).
  KnownRule& known = known_[(word * 0x9e3779b97f4a7c15) >> (64 - kKnownRulesBits)];
  if (known.word == word) return known.number;
  auto found = numbers_.find(word);
  if (found == numbers_.end()) {
    if (words_.size() >= kMaxDistinctRules) return SP_RULE_ASK;
    found = numbers_.emplace(word, static_cast<uint16_t>(words_.size())).first;
    words_.push_back(word);
    uses_.push_back(0);
  }
  known = {word, found->second};
  return found->second;
}

Result<> TableBuilder::add(ElfAddress start, uint64_t size, std::span<const Row> rows) {
  if (rows.empty() || size == 0) return Ok{};
  if (size > SP_MAX_PAGES * kPageBytes) return fail(Errc::too_large, "a function of {} bytes", size);
  if (functions_.size() >= kMaxFdes || rows_.size() + rows.size() > kMaxRows)
    return fail(Errc::too_large, "more than {} functions or {} rows", kMaxFdes, kMaxRows);
  if (!functions_.empty() && start.value < functions_.back().start) sorted_ = false;
  functions_.push_back({.start = start.value,
                        .end = start.value + size,
                        .first_row = static_cast<uint32_t>(rows_.size()),
                        .n_rows = static_cast<uint32_t>(rows.size())});
  for (const Row& row : rows) {
    const uint16_t number = rule_number(row);
    ++uses_[number];
    rows_.push_back({static_cast<uint32_t>(row.start.value - start.value), number});
  }
  return Ok{};
}

// The numbers in the table of the rules here: the most used ones keep a place, the others become SP_RULE_ASK.
std::vector<uint16_t> TableBuilder::choose_rules(std::vector<uint64_t>& chosen) const {
  std::vector<uint16_t> by_use(words_.size() - 2);
  std::iota(by_use.begin(), by_use.end(), uint16_t{2});
  if (words_.size() > SP_MAX_RULES_PER_EXECUTABLE) {
    std::stable_sort(by_use.begin(), by_use.end(), [&](uint16_t a, uint16_t b) { return uses_[a] > uses_[b]; });
    by_use.resize(SP_MAX_RULES_PER_EXECUTABLE - 2);
  }
  std::vector<uint16_t> numbers(words_.size(), SP_RULE_ASK);
  numbers[SP_RULE_NONE] = SP_RULE_NONE;
  chosen = {words_[SP_RULE_NONE], words_[SP_RULE_ASK]};
  for (const uint16_t number : by_use) {
    numbers[number] = static_cast<uint16_t>(chosen.size());
    chosen.push_back(words_[number]);
  }
  return numbers;
}

Result<CompiledTable> TableBuilder::finish() {
  CompiledTable compiled{.fdes = functions_.size(), .rows = rows_.size()};
  if (functions_.empty()) return fail(Errc::not_found, "no function has unwind information");
  if (!sorted_)
    std::stable_sort(functions_.begin(), functions_.end(),
                     [](const Function& a, const Function& b) { return a.start < b.start; });
  uint64_t last_end = 0;
  for (const Function& function : functions_) last_end = std::max(last_end, function.end);
  InstallTable& table = compiled.table;
  table.first_page = functions_.front().start >> SP_ROW_PAGE_SHIFT;
  const uint64_t n_pages = ((last_end - 1) >> SP_ROW_PAGE_SHIFT) - table.first_page + 1;
  if (n_pages > SP_MAX_PAGES) return fail(Errc::too_large, "functions are spread over {} pages of 64 KiB", n_pages);

  const std::vector<uint16_t> numbers = choose_rules(table.rules);
  table.rows.reserve(rows_.size() + n_pages);
  PageWriter writer(table, n_pages);
  for (size_t i = 0; i < functions_.size(); ++i) {
    const Function& function = functions_[i];
    const uint64_t next = i + 1 < functions_.size() ? functions_[i + 1].start : UINT64_MAX;
    const uint64_t end = std::min(function.end, next);
    for (const PackedRow& row : std::span(rows_).subspan(function.first_row, function.n_rows)) {
      if (function.start + row.offset >= end) break;
      writer.set(function.start + row.offset, numbers[row.rule]);
    }
    if (end < next) writer.set(end, SP_RULE_NONE);
  }
  writer.finish();
  table.rows.shrink_to_fit();
  compiled.merged_rows = table.rows.size();
  for (const uint32_t row : table.rows) compiled.ask_rows += SP_ROW_RULE(row) == SP_RULE_ASK;
  return compiled;
}

namespace {

constexpr size_t kMaxCodeSegments = 64;  // ld and lld write one, BOLT two; each function is looked for in all

std::vector<Segment> code_of(const ElfFile& file) {
  std::vector<Segment> code;
  for (const Segment& segment : file.segments())
    if (segment.executable && code.size() < kMaxCodeSegments) code.push_back(segment);
  return code;
}

// Whether the function lies in code: a linker leaves FDEs of dropped functions behind, at address 0 or thereabouts.
bool lies_in(const std::vector<Segment>& code, const Fde& fde) {
  return std::any_of(code.begin(), code.end(), [&](const Segment& segment) {
    const uint64_t into_segment = fde.start.value - segment.address.value;
    return fde.start >= segment.address && into_segment < segment.memory_size &&
           fde.size <= segment.memory_size - into_segment;
  });
}

}  // namespace

Result<CompiledTable> compile_table(const ElfFile& file) {
  const EhFrame frame = TRY(read_eh_frame(file));
  EhFrameReader reader(Bytes(frame.bytes), frame.address);
  CfiRunner runner(file.machine());
  TableBuilder builder(file.machine());
  const std::vector<Segment> code = code_of(file);
  std::vector<Row> rows;
  uint64_t broken = 0;
  while (const auto fde = reader.next()) {
    if (!lies_in(code, *fde)) continue;
    if (!runner.run(*fde, rows))
      ++broken;
    else
      TRY(builder.add(fde->start, fde->size, rows));
  }
  CompiledTable compiled = TRY(builder.finish());
  compiled.broken = broken + reader.broken_records();
  return compiled;
}

}  // namespace splitprof
