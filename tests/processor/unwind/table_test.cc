// SPDX-License-Identifier: Apache-2.0
#include "processor/unwind/table.h"

#include <gtest/gtest.h>
#include <sys/auxv.h>

#include <cstring>
#include <fstream>
#include <map>
#include <memory>
#include <random>

#include "processor/elf/local_file.h"
#include "tests/processor/elf/named_symbols.h"
#include "tests/processor/unwind/eh_frame_builder.h"
#include "tests/processor/unwind/table_lookup.h"

namespace splitprof {
namespace {

using namespace splitprof::testing;
using CfaKind = CfaRule::Kind;
using Kind = RegisterRule::Kind;

constexpr Machine kX86 = Machine::x86_64;
constexpr Machine kArm = Machine::arm64;
const RegisterRule kCalled = {Kind::cfa_offset, 0, -8};
const uint64_t kNone = rule_word({.cfa = SP_CFA_NONE});
const uint64_t kAsk = rule_word({.cfa = SP_CFA_ASK});

Row x86_row(uint64_t start, CfaRule cfa, RegisterRule fp = {}, RegisterRule ra = kCalled, bool signal = false) {
  return {ElfAddress(start), cfa, fp, ra, signal};
}

Row sp_row(uint64_t start, int64_t offset) {
  return x86_row(start, {CfaKind::register_offset, 7, offset});
}

struct RuleCase {
  const char* what;
  Machine machine;
  Row row;
  sp_rule rule;
};

TEST(UnwindRule, SaysWhatTheRowSays) {
  const CfaRule sp16{CfaKind::register_offset, 7, 16};
  const CfaRule arm_sp{CfaKind::register_offset, 31, 48};
  const RegisterRule pushed{Kind::cfa_offset, 0, -16};
  const sp_rule ask{.cfa = SP_CFA_ASK};
  const RuleCase cases[] = {
      {"sp", kX86, x86_row(0, sp16), {SP_CFA_SP, SP_RULE_SAVED(SP_FP_SAME, SP_RA_CFA_8), 0, 16}},
      {"fp saved",
       kX86,
       x86_row(0, {CfaKind::register_offset, 6, 16}, pushed),
       {SP_CFA_FP, SP_RULE_SAVED(SP_FP_CFA_OFFSET, SP_RA_CFA_8), -16, 16}},
      {"plt", kX86, x86_row(0, {CfaKind::plt, 7, 8}), {SP_CFA_PLT, 0, 0, 8}},
      {"other register", kX86, x86_row(0, {CfaKind::register_offset, 10, 0}), {SP_CFA_REGISTER | 10 << 4, 0, 0, 0}},
      {"no such register", kX86, x86_row(0, {CfaKind::register_offset, 16, 0}), ask},
      {"realigned stack",
       kX86,
       x86_row(0, {CfaKind::deref, 6, -8}, {Kind::at_register, 6, 0}),
       {SP_CFA_DEREF_FP, SP_RULE_SAVED(SP_FP_FP_OFFSET, SP_RA_CFA_8), 0, -8}},
      {"old sp in a slot",
       kX86,
       x86_row(0, {CfaKind::deref, 7, 56, 8}, pushed),
       {SP_CFA_DEREF_SP | 1 << 4, SP_RULE_SAVED(SP_FP_CFA_OFFSET, SP_RA_CFA_8), -16, 56}},
      {"too many words", kX86, x86_row(0, {CfaKind::deref, 7, 56, 128}), ask},
      {"no whole words", kX86, x86_row(0, {CfaKind::deref, 7, 56, 4}), ask},
      {"slot of another register", kX86, x86_row(0, {CfaKind::deref, 10, 0}), ask},
      {"expression", kX86, x86_row(0, {CfaKind::expression}), ask},
      {"nothing said", kX86, x86_row(0, {}), {.cfa = SP_CFA_NONE}},
      {"fp lost", kX86, x86_row(0, sp16, {Kind::undefined}), {SP_CFA_SP, 0, 0, 16}},
      {"fp same", kX86, x86_row(0, sp16, {Kind::same}), {SP_CFA_SP, 0, 0, 16}},
      {"fp elsewhere", kX86, x86_row(0, sp16, {Kind::other_register, 9}), ask},
      {"fp beside sp", kX86, x86_row(0, sp16, {Kind::at_register, 7, 8}), ask},
      {"fp too far", kX86, x86_row(0, sp16, {Kind::cfa_offset, 0, -40000}), ask},
      {"CFA too far", kX86, x86_row(0, {CfaKind::register_offset, 7, int64_t{1} << 31}), ask},
      {"outermost", kX86, x86_row(0, sp16, pushed, {Kind::undefined}), {.cfa = SP_CFA_END}},
      {"return address elsewhere", kX86, x86_row(0, sp16, {}, {Kind::other_register, 5}), ask},
      {"return address not said", kX86, x86_row(0, sp16, {}, {}), ask},
      {"return address above",
       kX86,
       x86_row(0, sp16, {}, {Kind::cfa_offset, 0, 24}),
       {SP_CFA_SP, SP_RULE_SAVED(SP_FP_SAME, SP_RA_CFA_OFFSET), 24, 16}},
      {"two offsets", kX86, x86_row(0, sp16, pushed, {Kind::cfa_offset, 0, -24}), ask},
      {"signal",
       kX86,
       x86_row(0, {CfaKind::deref, 7, 160}, {Kind::at_register, 7, 120}, {Kind::at_register, 7, 168}, true),
       {.cfa = SP_CFA_SIGNAL}},
      {"exact but ordinary", kX86, x86_row(0, sp16, {}, kCalled, true), {SP_CFA_SP, 0, 0, 16}},
      {"arm64 leaf",
       kArm,
       x86_row(0, {CfaKind::register_offset, 31, 0}, {}, {}),
       {SP_CFA_SP, SP_RULE_SAVED(SP_FP_SAME, SP_RA_REGISTER), 0, 0}},
      {"arm64 pair",
       kArm,
       x86_row(0, arm_sp, {Kind::cfa_offset, 0, -48}, {Kind::cfa_offset, 0, -40}),
       {SP_CFA_SP, SP_RULE_SAVED(SP_FP_CFA_OFFSET, SP_RA_AFTER_FP), -48, 48}},
      {"arm64 pair at the top",
       kArm,
       x86_row(0, arm_sp, pushed, kCalled),
       {SP_CFA_SP, SP_RULE_SAVED(SP_FP_CFA_OFFSET, SP_RA_AFTER_FP), -16, 48}},
      {"arm64 x30 alone",
       kArm,
       x86_row(0, arm_sp, {}, {Kind::cfa_offset, 0, -48}),
       {SP_CFA_SP, SP_RULE_SAVED(SP_FP_SAME, SP_RA_CFA_OFFSET), -48, 48}},
      {"arm64 frame",
       kArm,
       x86_row(0, {CfaKind::register_offset, 29, 32}, {Kind::cfa_offset, 0, -32}, {Kind::cfa_offset, 0, -24}),
       {SP_CFA_FP, SP_RULE_SAVED(SP_FP_CFA_OFFSET, SP_RA_AFTER_FP), -32, 32}},
      {"arm64 no PLT", kArm, x86_row(0, {CfaKind::register_offset, 20, 32}, {}, {}), ask},
  };
  for (const RuleCase& c : cases) EXPECT_EQ(rule_word(to_rule(c.row, c.machine)), rule_word(c.rule)) << c.what;
}

struct Function {
  uint64_t start, size;
  std::vector<Row> rows;
};

// What holds at `pc`, by looking at everything: the function that begins last before it, if it has not ended.
uint64_t find_by_scanning(const std::vector<Function>& functions, uint64_t pc) {
  const Function* found = nullptr;
  for (const Function& function : functions)
    if (function.start <= pc && (found == nullptr || function.start >= found->start)) found = &function;
  if (found == nullptr || pc - found->start >= found->size) return kNone;
  const Row* row = &found->rows[0];
  for (const Row& next : found->rows)
    if (next.start.value <= pc) row = &next;
  return rule_word(to_rule(*row, kX86));
}

std::vector<uint64_t> edges_of(const std::vector<Function>& functions) {
  std::vector<uint64_t> edges = {0, UINT64_MAX};
  const auto edge = [&](uint64_t pc) {
    for (const uint64_t near : {pc - 1, pc, pc + 1}) edges.push_back(near);
  };
  for (const Function& function : functions) {
    for (const Row& row : function.rows) edge(row.start.value);
    edge(function.start + function.size);
    for (uint64_t page = function.start >> 16; page <= (function.start + function.size) >> 16; ++page) edge(page << 16);
  }
  return edges;
}

std::vector<Function> random_functions(uint32_t seed) {
  std::mt19937 random(seed);
  const auto below = [&](uint32_t n) { return random() % n; };
  std::vector<Function> functions;
  const uint64_t base = 0x400000 + below(0x20000);
  uint64_t at = base;
  for (uint32_t i = 1 + below(40); i > 0; --i) {
    // Functions touch, leave gaps, or, with some seeds, overlap; some are longer than a page.
    if (below(3) == 0) at += below(below(4) == 0 ? 200'000 : 64);
    Function function{at, 1 + below(below(8) == 0 ? 150'000 : 300), {}};
    uint64_t row_at = at;
    while (row_at < at + function.size) {
      Row row = sp_row(row_at, 8 * (1 + below(4)));
      if (below(4) == 0) row.fp = {Kind::cfa_offset, 0, -16};
      if (below(16) == 0) row.cfa = {CfaKind::expression};
      if (below(32) == 0) row.ra = {Kind::undefined};
      if (below(32) == 0) row.cfa = {CfaKind::deref, 7, 48, 8};
      function.rows.push_back(row);
      row_at += 1 + below(below(4) == 0 ? 40'000 : 20);
    }
    at += seed % 5 == 0 ? below(function.size + 1) : function.size;
    functions.push_back(std::move(function));
  }
  if (seed % 2 == 0) std::shuffle(functions.begin(), functions.end(), random);
  return functions;
}

// Functions that a test has put together, listed in the order that it gave them.
class TestSource final : public RowSource {
 public:
  explicit TestSource(std::vector<Function> functions) : functions_(std::move(functions)) {}

  Result<uint64_t> list(FunctionIndex& index) override {
    for (uint32_t i = 0; i < functions_.size(); ++i)
      TRY(index.add(ElfAddress(functions_[i].start), functions_[i].size, i));
    return uint64_t{0};
  }
  Result<> read_rows(uint32_t number, FunctionRows& into) override {
    const Function& function = functions_.at(number);
    if (function.rows.empty()) return fail(Errc::malformed, "broken");
    into.start = ElfAddress(function.start);
    into.size = function.size;
    into.rows.clear();
    for (const Row& row : function.rows)
      into.rows.push_back({static_cast<uint32_t>(row.start.value - function.start), rule_word(to_rule(row, kX86))});
    return Ok{};
  }
  size_t size_bytes() const override { return 0; }

 private:
  std::vector<Function> functions_;
};

// Code is everywhere.
Result<CompiledTable> compile(std::vector<std::vector<Function>> sources) {
  std::vector<std::unique_ptr<TestSource>> owned;
  std::vector<RowSource*> pointers;
  for (auto& functions : sources) {
    owned.push_back(std::make_unique<TestSource>(std::move(functions)));
    pointers.push_back(owned.back().get());
  }
  const Segment code{.memory_size = UINT64_MAX, .executable = true};
  return compile_rows(pointers, std::span(&code, 1));
}

TEST(UnwindTable, PackingLosesNothing) {
  for (uint32_t seed = 0; seed < 500; ++seed) {
    SCOPED_TRACE(seed);  // enough to replay a failure
    const auto functions = random_functions(seed);
    const auto compiled = compile({functions});
    ASSERT_TRUE(compiled) << compiled.error().message;
    ASSERT_EQ(broken_promise(compiled->table), "");
    const TableLookup lookup(compiled->table);
    for (const uint64_t pc : edges_of(functions))
      ASSERT_EQ(lookup.find(pc), find_by_scanning(functions, pc)) << std::hex << pc;
  }
}

TEST(UnwindTable, AnEarlierSourceCountsForMore) {
  for (uint32_t seed = 0; seed < 500; ++seed) {
    SCOPED_TRACE(seed);
    std::vector<std::vector<Function>> sources = {random_functions(seed), random_functions(seed + 1000),
                                                  random_functions(seed + 2000)};
    const auto compiled = compile(sources);
    ASSERT_TRUE(compiled) << compiled.error().message;
    ASSERT_EQ(broken_promise(compiled->table), "");
    const TableLookup lookup(compiled->table);
    const auto covered = [](const std::vector<Function>& functions, uint64_t pc) {
      return std::any_of(functions.begin(), functions.end(),
                         [&](const Function& f) { return f.start <= pc && pc - f.start < f.size; });
    };
    for (const auto& functions : sources) {
      for (const uint64_t pc : edges_of(functions)) {
        // Where a later function of one source hides the end of an earlier one there is nothing of that source.
        uint64_t expected = kNone;
        for (const auto& source : sources) {
          expected = covered(source, pc) ? find_by_scanning(source, pc) : kNone;
          if (expected != kNone) break;
        }
        ASSERT_EQ(lookup.find(pc), expected) << std::hex << pc;
      }
    }
  }
}

TEST(UnwindTable, ABrokenFunctionLeavesItsPlaceToALaterSource) {
  const auto compiled =
      compile({{{0x1000, 16, {}}, {0x1010, 16, {sp_row(0x1010, 8)}}}, {{0x1000, 48, {sp_row(0x1000, 16)}}}});
  ASSERT_TRUE(compiled);
  EXPECT_EQ(compiled->broken, 1u);
  EXPECT_EQ(compiled->functions, 2u);
  const TableLookup lookup(compiled->table);
  EXPECT_EQ(lookup.find(0x1008), rule_word(to_rule(sp_row(0, 16), kX86)));
  EXPECT_EQ(lookup.find(0x1010), rule_word(to_rule(sp_row(0, 8), kX86)));
  EXPECT_EQ(lookup.find(0x1020), rule_word(to_rule(sp_row(0, 16), kX86)));
  EXPECT_EQ(lookup.find(0x1030), kNone);
}

TEST(UnwindTable, ABrokenFunctionDoesNotCutTheOneAroundIt) {
  const auto compiled = compile({{{0x1000, 48, {sp_row(0x1000, 8), sp_row(0x1020, 16)}}, {0x1010, 16, {}}}});
  ASSERT_TRUE(compiled);
  EXPECT_EQ(compiled->broken, 1u);
  const TableLookup lookup(compiled->table);
  EXPECT_EQ(lookup.find(0x1018), rule_word(to_rule(sp_row(0, 8), kX86)));
  EXPECT_EQ(lookup.find(0x1028), rule_word(to_rule(sp_row(0, 16), kX86)));
}

TEST(UnwindTable, ReservesTheFirstTwoRules) {
  const auto compiled = compile({{{0x1000, 16, {sp_row(0x1000, 8)}}}});
  ASSERT_TRUE(compiled);
  EXPECT_EQ(compiled->table.rules, (std::vector<uint64_t>{kNone, kAsk, rule_word(to_rule(sp_row(0, 8), kX86))}));
  EXPECT_EQ(compiled->table.first_page, 0u);
  EXPECT_EQ(compiled->table.rows, (std::vector<uint32_t>{SP_ROW(0, 0), SP_ROW(0x1000, 2), SP_ROW(0x1010, 0)}));
}

TEST(UnwindTable, GivesTheRarestRulesUp) {
  constexpr int64_t kRules = 6000;
  std::vector<Function> functions;
  uint64_t at = 0x10000;
  const auto add = [&](int64_t offset) {
    functions.push_back({at, 16, {sp_row(at, offset)}});
    at += 16;
  };
  for (int64_t i = 0; i < kRules; ++i) add(i * 8);
  for (int64_t i = kRules - 4000; i < kRules; ++i) add(i * 8);  // twice: these have to stay
  const auto compiled = compile({functions});
  ASSERT_TRUE(compiled);
  EXPECT_EQ(broken_promise(compiled->table), "");
  EXPECT_EQ(compiled->table.rules.size(), size_t{SP_MAX_RULES_PER_EXECUTABLE});
  const TableLookup lookup(compiled->table);
  size_t asked = 0;
  for (int64_t i = 0; i < kRules; ++i) {
    const uint64_t found = lookup.find(0x10000 + static_cast<uint64_t>(i) * 16);
    asked += found == kAsk;
    if (found != kAsk || i >= kRules - 4000) {
      ASSERT_EQ(found, rule_word(to_rule(sp_row(0, i * 8), kX86))) << i;
    }
  }
  EXPECT_EQ(asked, static_cast<size_t>(kRules - (SP_MAX_RULES_PER_EXECUTABLE - 2)));
}

TEST(UnwindTable, AsksWhereAPageIsTooDense) {
  std::vector<Row> rows;
  for (uint64_t i = 0; i < 0x10000 + 100; ++i) rows.push_back(sp_row(0x20000 + i, i % 2 == 0 ? 8 : 16));
  const auto compiled = compile({{{0x20000, rows.size(), rows}}});
  ASSERT_TRUE(compiled);
  EXPECT_EQ(broken_promise(compiled->table), "");
  EXPECT_EQ(compiled->table.counts, (std::vector<uint16_t>{1, 101}));
  EXPECT_EQ(compiled->ask_rows(), 1u);
  const TableLookup lookup(compiled->table);
  EXPECT_EQ(lookup.find(0x21234), kAsk);
  EXPECT_EQ(lookup.find(0x30001), rule_word(to_rule(rows[1], kX86)));
  EXPECT_EQ(lookup.find(0x30000 + 100), kNone);
}

TEST(UnwindTable, RefusesWhatIsTooWideForItsPageIndex) {
  const uint64_t far = uint64_t{SP_MAX_PAGES} << 16;
  EXPECT_EQ(compile({{{0, 16, {sp_row(0, 8)}}, {far, 16, {sp_row(far, 8)}}}}).error().code, Errc::too_large);
  EXPECT_EQ(compile({{{0, far + 1, {sp_row(0, 8)}}}}).error().code, Errc::too_large);
  EXPECT_EQ(compile({{{0, 16, {sp_row(0, 8)}}, {far * 3, 16, {sp_row(far * 3, 8)}}}}).error().code, Errc::too_large);
}

TEST(UnwindTable, FillsEveryPageOfALongFunction) {
  const uint64_t size = uint64_t{SP_MAX_PAGES} << 16;
  const auto compiled = compile({{{0, size, {sp_row(0, 8)}}}});
  ASSERT_TRUE(compiled);
  EXPECT_EQ(compiled->table.counts, std::vector<uint16_t>(SP_MAX_PAGES, 1));
  EXPECT_EQ(TableLookup(compiled->table).find(size - 1), rule_word(to_rule(sp_row(0, 8), kX86)));
}

// An ELF file whose only code is [0x1000, 0x2000), with this .eh_frame at 0x8000.
ByteVector elf_with(const ByteVector& eh_frame, bool with_sections) {
  ElfBuilder builder;
  builder.segment_of(
      builder.section({.name = ".text", .type = SHT_PROGBITS, .address = 0x1000, .bytes = ByteVector(0x1000)}), PT_LOAD,
      PF_R | PF_X);
  // .eh_frame_hdr as ld makes it: version 1, pointer relative to itself in 4 bytes, no table.
  ByteVector data = bytes_of({1, 0x1b, 0xff, 0xff});
  append(data, int32_t{0x8000 - 0x7ff4});
  data.resize(16);
  const auto header =
      builder.section({.name = ".eh_frame_hdr", .type = SHT_PROGBITS, .address = 0x7ff0, .bytes = data});
  builder.section({.name = ".eh_frame", .type = SHT_PROGBITS, .address = 0x8000, .bytes = eh_frame});
  builder.segment_of(header, PT_GNU_EH_FRAME, PF_R);
  builder.segment_of(header, PT_LOAD, PF_R);
  builder.segments.back().p_filesz = builder.segments.back().p_memsz = 16 + eh_frame.size();
  return builder.build(with_sections);
}

TEST(CompileTable, FindsUnwindInformationWithAndWithoutSections) {
  EhFrameBuilder frame(0x8000);
  const auto cie = frame.cie();
  frame.fde(cie, 0x1100, 0x10, advance(1) + def_cfa_offset(16));
  frame.fde(cie, 0x1080, 0x10);
  frame.fde(cie, 0x0, 0x10);       // of a function that the linker dropped
  frame.fde(cie, 0x1ff0, 0x1000);  // reaches out of the code
  frame.end();
  append(frame.bytes, uint64_t{0x1234567812345678});  // what stands behind it in the segment
  for (const bool with_sections : {true, false}) {
    SCOPED_TRACE(with_sections);
    MemoryFile file(elf_with(frame.bytes, with_sections));
    const auto elf = ElfFile::open(file);
    ASSERT_TRUE(elf) << elf.error().message;
    const auto compiled = compile_table(*elf);
    ASSERT_TRUE(compiled) << compiled.error().message;
    EXPECT_EQ(compiled->functions, 2u);
    EXPECT_EQ(compiled->rows, 3u);
    EXPECT_EQ(compiled->broken, with_sections ? 1u : 0u) << "only the section's own end is a limit there";
    const TableLookup lookup(compiled->table);
    EXPECT_EQ(lookup.find(0x1080), rule_word(to_rule(sp_row(0, 8), kX86)));
    EXPECT_EQ(lookup.find(0x1101), rule_word(to_rule(sp_row(0, 16), kX86)));
    EXPECT_EQ(lookup.find(0x1090), kNone);
    EXPECT_EQ(lookup.find(0x0), kNone);
  }
}

TEST(CompileTable, SaysWhenThereIsNothing) {
  ElfBuilder builder;
  MemoryFile file(builder.build());
  const auto elf = ElfFile::open(file);
  EXPECT_EQ(compile_table(*elf).error().code, Errc::not_found);
}

TEST(CompileTable, KnowsWhereThisProgramBegins) {
  const auto local = LocalFile::open_path("/proc/self/exe");
  const auto elf = ElfFile::open(**local);
  ASSERT_TRUE(elf);
  const auto compiled = compile_table(*elf);
  ASSERT_TRUE(compiled) << compiled.error().message;
  EXPECT_EQ(compiled->broken, 0u);
  EXPECT_EQ(broken_promise(compiled->table), "");
  const auto symbols = testing::named_symbols(*elf);
  ASSERT_FALSE(symbols.empty());
  const TableLookup lookup(compiled->table);
  std::map<uint64_t, size_t> uses;
  for (const auto& symbol : symbols) {
    const uint64_t word = lookup.find(symbol.start.value);
    ++uses[word];
    if (symbol.name == "_start") {
      EXPECT_EQ(word, rule_word({.cfa = SP_CFA_END}));
    }
  }
  // A function begins with nothing but its return address on the stack; gcc's `.cold` parts begin in the middle.
  const uint64_t at_entry = rule_word(to_rule(sp_row(0, 8), Machine::x86_64));
  if (elf->machine() == Machine::x86_64) {
    EXPECT_GT(uses[at_entry], symbols.size() / 2);
  }
}

TEST(CompileTable, ReadsTheVdsoOfThisKernel) {
  const auto begin = getauxval(AT_SYSINFO_EHDR);
  if (begin == 0) GTEST_SKIP() << "this kernel has no vDSO";
  std::ifstream maps("/proc/self/maps");
  std::string line;
  ByteVector image;
  while (std::getline(maps, line))
    if (line.ends_with("[vdso]")) image.resize(std::stoull(line.substr(line.find('-') + 1), nullptr, 16) - begin);
  ASSERT_FALSE(image.empty());
  std::memcpy(image.data(), reinterpret_cast<const void*>(begin), image.size());
  MemoryFile file(std::move(image));
  const auto elf = ElfFile::open(file);
  ASSERT_TRUE(elf) << elf.error().message;
  EXPECT_EQ(*elf->address_of(FileOffset(0)), ElfAddress(0));
  const auto compiled = compile_table(*elf);
  ASSERT_TRUE(compiled) << compiled.error().message;
  EXPECT_EQ(compiled->broken, 0u);
  const auto symbols = testing::named_symbols(*elf);
  ASSERT_FALSE(symbols.empty());
  const TableLookup lookup(compiled->table);
  bool known = false;
  for (const auto& symbol : symbols) {
    if (symbol.name.find("clock_gettime") == std::string::npos) continue;
    known = true;
    EXPECT_NE(lookup.find(symbol.start.value), kNone) << symbol.name;
  }
  EXPECT_TRUE(known);
}

// A vDSO as arm64's linker makes it since Linux 5.8: the trampoline has a symbol and a nop before it, and no FDE.
TEST(CompileTable, KnowsTheSignalTrampolineOfArm64ByItsSymbol) {
  for (const bool named : {true, false}) {
    for (const uint16_t machine : {EM_AARCH64, EM_X86_64}) {
      ElfBuilder builder(machine);
      const auto text = builder.section({.name = ".text",
                                         .type = SHT_PROGBITS,
                                         .flags = SHF_ALLOC | SHF_EXECINSTR,
                                         .address = 0x1000,
                                         .bytes = ByteVector(256)});
      builder.segment_of(text, PT_LOAD, PF_R | PF_X);
      const auto names =
          builder.section({.name = ".dynstr",
                           .type = SHT_STRTAB,
                           .bytes = bytes_of(std::string(named ? "_" : "x") + "_kernel_rt_sigreturn" + '\0')});
      ByteVector symbols(sizeof(Elf64_Sym));
      append(symbols, Elf64_Sym{.st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC),
                                .st_shndx = static_cast<uint16_t>(text),
                                .st_value = 0x1084,
                                .st_size = 8});
      builder.section({.name = ".dynsym", .type = SHT_DYNSYM, .bytes = symbols, .link = names});
      MemoryFile file(builder.build());
      const auto elf = ElfFile::open(file);
      ASSERT_TRUE(elf) << elf.error().message;
      const auto compiled = compile_table(*elf);
      ASSERT_EQ(compiled.has_value(), named && machine == EM_AARCH64);
      if (!compiled) continue;
      const TableLookup lookup(compiled->table);
      const uint64_t signal = rule_word({.cfa = SP_CFA_SIGNAL});
      EXPECT_EQ(lookup.find(0x1083), signal) << "where its address is looked up as a return address";
      EXPECT_EQ(lookup.find(0x108b), signal);
      EXPECT_EQ(lookup.find(0x107f), kNone);
      EXPECT_EQ(lookup.find(0x108c), kNone);
    }
  }
}

TEST(CompileTable, ReadsARealLibraryOfArm64) {
  const auto local = LocalFile::open_path(SPLITPROF_SOURCE_DIR "/tests/data/elf/arm64-signed-return.so");
  ASSERT_TRUE(local) << local.error().message;
  const auto elf = ElfFile::open(**local);
  ASSERT_TRUE(elf) << elf.error().message;
  EXPECT_EQ(elf->machine(), Machine::arm64);
  const auto compiled = compile_table(*elf);
  ASSERT_TRUE(compiled) << compiled.error().message;
  EXPECT_EQ(broken_promise(compiled->table), "");
  EXPECT_EQ(compiled->ask_rows(), 0u);
  const auto symbols = testing::named_symbols(*elf);
  ASSERT_FALSE(symbols.empty());
  const TableLookup lookup(compiled->table);
  const uint64_t leaf = rule_word({SP_CFA_SP, SP_RULE_SAVED(SP_FP_SAME, SP_RA_REGISTER), 0, 0});
  for (const auto& symbol : symbols) {
    EXPECT_EQ(lookup.find(symbol.start.value), leaf) << symbol.name << ": x30 is not stored yet";
    if (symbol.name == "middle") {
      EXPECT_EQ(lookup.find(symbol.start.value + symbol.size / 2),
                rule_word({SP_CFA_FP, SP_RULE_SAVED(SP_FP_CFA_OFFSET, SP_RA_AFTER_FP), -32, 32}));
    }
  }
  EXPECT_EQ(symbols.size(), 5u);
}

}  // namespace
}  // namespace splitprof
