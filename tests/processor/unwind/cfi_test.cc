// SPDX-License-Identifier: Apache-2.0
#include "processor/unwind/cfi.h"

#include <gtest/gtest.h>

#include "tests/processor/unwind/eh_frame_builder.h"

namespace splitprof {
namespace {

using namespace splitprof::testing;
using CfaKind = CfaRule::Kind;
using Kind = RegisterRule::Kind;

constexpr uint64_t kSection = 0x8000;

const RegisterRule kUnspecified;
const RegisterRule kCalled = {Kind::cfa_offset, 0, -8};  // where x86-64's call leaves the return address

// All rows of a section, FDE after FDE.
std::vector<Row> rows_of(const ByteVector& section, Machine machine = Machine::x86_64, uint64_t expected_broken = 0) {
  CallFrameReader reader{Bytes(section), ElfAddress(kSection)};
  CfiRunner runner(machine);
  std::vector<Row> all, rows;
  uint64_t broken = 0;
  while (const auto fde = reader.next()) {
    if (!runner.run(*fde, rows)) {
      EXPECT_TRUE(rows.empty());
      ++broken;
    }
    all.insert(all.end(), rows.begin(), rows.end());
  }
  EXPECT_EQ(broken + reader.broken_records(), expected_broken);
  return all;
}

// The rows of one function [0x1000, 0x1100).
std::vector<Row> rows_of_function(const ByteVector& instructions, uint64_t expected_broken = 0) {
  EhFrameBuilder builder(kSection);
  builder.fde(builder.cie(), 0x1000, 0x100, instructions);
  builder.end();
  return rows_of(builder.bytes, Machine::x86_64, expected_broken);
}

Row row(uint64_t start, CfaRule cfa, RegisterRule fp = kUnspecified, RegisterRule ra = kCalled) {
  return {ElfAddress(start), cfa, fp, ra, false};
}

CfaRule sp_plus(int64_t offset) {
  return {CfaKind::register_offset, 7, offset};
}
CfaRule fp_plus(int64_t offset) {
  return {CfaKind::register_offset, 6, offset};
}

TEST(Cfi, FollowsAnOrdinaryFunction) {
  const auto rows = rows_of_function(advance(1) + def_cfa_offset(16) + saved(6, 2) + advance(3) + def_cfa_register(6) +
                                     advance(40) + def_cfa(7, 8));
  const RegisterRule pushed{Kind::cfa_offset, 0, -16};
  EXPECT_EQ(rows, (std::vector<Row>{row(0x1000, sp_plus(8)), row(0x1001, sp_plus(16), pushed),
                                    row(0x1004, fp_plus(16), pushed), row(0x102c, sp_plus(8), pushed)}));
}

TEST(Cfi, KnowsEveryFormOfAdvance) {
  const auto rows =
      rows_of_function(def_cfa_offset(1) + bytes_of({0x02, 0x10}) + def_cfa_offset(2) + bytes_of({0x03, 0x10, 0x00}) +
                       def_cfa_offset(3) + bytes_of({0x04, 0x10, 0x00, 0x00, 0x00}) + def_cfa_offset(4) + advance(0) +
                       def_cfa_offset(5));
  EXPECT_EQ(rows, (std::vector<Row>{row(0x1000, sp_plus(1)), row(0x1010, sp_plus(2)), row(0x1020, sp_plus(3)),
                                    row(0x1030, sp_plus(5))}));
}

TEST(Cfi, SetsTheLocationInTheFdesEncoding) {
  EhFrameBuilder builder(kSection, 0x00);
  ByteVector set_loc = bytes_of({0x01});
  append(set_loc, uint64_t{0x1080});
  builder.fde(builder.cie(), 0x1000, 0x100, set_loc + def_cfa_offset(16));
  EXPECT_EQ(rows_of(builder.bytes), (std::vector<Row>{row(0x1000, sp_plus(8)), row(0x1080, sp_plus(16))}));
  ByteVector backwards = bytes_of({0x01});
  append(backwards, uint64_t{0x800});
  builder.fde(0, 0x2000, 0x100, backwards);
  EXPECT_EQ(rows_of(builder.bytes, Machine::x86_64, 1).size(), 2u);
}

TEST(Cfi, StopsAtTheEndOfTheFunction) {
  EXPECT_EQ(rows_of_function(bytes_of({0x04, 0xff, 0xff, 0xff, 0xff}) + def_cfa_offset(99)),
            (std::vector<Row>{row(0x1000, sp_plus(8))}));
  EXPECT_EQ(rows_of_function(bytes_of({0x03, 0x00, 0x01}) + def_cfa_offset(99)),
            (std::vector<Row>{row(0x1000, sp_plus(8))}))
      << "a row at the very end holds nowhere";
}

TEST(Cfi, RemembersAndRestores) {
  const auto rows = rows_of_function(saved(6, 2) + def_cfa_offset(16) + remember() + advance(1) + def_cfa_offset(8) +
                                     restore(6) + advance(1) + restore_state());
  const RegisterRule pushed{Kind::cfa_offset, 0, -16};
  EXPECT_EQ(rows, (std::vector<Row>{row(0x1000, sp_plus(16), pushed), row(0x1001, sp_plus(8)),
                                    row(0x1002, sp_plus(16), pushed)}));
}

TEST(Cfi, RestoresWhatTheCieSaid) {
  EhFrameBuilder builder(kSection);
  const auto cie = builder.cie("zR", def_cfa(7, 8) + saved(16, 1) + saved(6, 3));
  builder.fde(cie, 0x1000, 16, saved(6, 5) + undefined(16) + advance(1) + restore(6) + bytes_of({0x06, 16}));
  EXPECT_EQ(rows_of(builder.bytes),
            (std::vector<Row>{row(0x1000, sp_plus(8), {Kind::cfa_offset, 0, -40}, {Kind::undefined}),
                              row(0x1001, sp_plus(8), {Kind::cfa_offset, 0, -24})}));
}

TEST(Cfi, KnowsEveryRuleOfARegister) {
  const auto fp_after = [](const ByteVector& instruction) { return rows_of_function(instruction)[0].fp; };
  EXPECT_EQ(fp_after(bytes_of({0x05, 6, 4})), (RegisterRule{Kind::cfa_offset, 0, -32}));
  EXPECT_EQ(fp_after(bytes_of({0x11, 6, 0x7e})), (RegisterRule{Kind::cfa_offset, 0, 16}));
  EXPECT_EQ(fp_after(bytes_of({0x2f, 6, 2})), (RegisterRule{Kind::cfa_offset, 0, 16}));
  EXPECT_EQ(fp_after(bytes_of({0x14, 6, 2})), (RegisterRule{Kind::cfa_value, 0, -16}));
  EXPECT_EQ(fp_after(bytes_of({0x15, 6, 0x7f})), (RegisterRule{Kind::cfa_value, 0, 8}));
  EXPECT_EQ(fp_after(bytes_of({0x08, 6})), RegisterRule{Kind::same});
  EXPECT_EQ(fp_after(bytes_of({0x07, 6})), RegisterRule{Kind::undefined});
  EXPECT_EQ(fp_after(bytes_of({0x09, 6, 3})), (RegisterRule{Kind::other_register, 3}));
  EXPECT_EQ(fp_after(expression(6, breg(6, -16))), (RegisterRule{Kind::at_register, 6, -16}));
  EXPECT_EQ(fp_after(expression(6, breg(6, 0) + deref())), RegisterRule{Kind::expression});
  EXPECT_EQ(fp_after(bytes_of({0x16, 6, 1, 0x30})), RegisterRule{Kind::value});
  EXPECT_EQ(fp_after(bytes_of({0x2e, 16}) + saved(3, 2)), kUnspecified) << "other registers do not matter";
}

TEST(Cfi, KnowsEveryRuleOfTheCfa) {
  const auto cfa_after = [](const ByteVector& instruction) { return rows_of_function(instruction)[0].cfa; };
  EXPECT_EQ(cfa_after(bytes_of({0x12, 6, 0x7e})), fp_plus(16));
  EXPECT_EQ(cfa_after(bytes_of({0x13, 0x7e})), sp_plus(16));
  EXPECT_EQ(cfa_after(def_cfa(1 << 20, 8)), (CfaRule{CfaKind::register_offset, kNoRegister, 8}));
  EXPECT_EQ(cfa_after(def_cfa_expression(breg(6, -8) + deref())), (CfaRule{CfaKind::deref, 6, -8}));
  EXPECT_EQ(cfa_after(def_cfa_expression(breg(7, 56) + deref() + bytes_of({0x23, 8}))),
            (CfaRule{CfaKind::deref, 7, 56, 8}));
  EXPECT_EQ(cfa_after(def_cfa_expression(breg(7, 56) + deref() + deref())), CfaRule{CfaKind::expression});
  EXPECT_EQ(cfa_after(def_cfa_expression({})), CfaRule{CfaKind::expression});
  for (const int threshold : {0x3a, 0x3b})
    EXPECT_EQ(cfa_after(def_cfa_expression(breg(7, 8) + breg(16, 0) +
                                           bytes_of({0x3f, 0x1a, threshold, 0x2a, 0x33, 0x24, 0x22}))),
              (CfaRule{CfaKind::plt, 7, 8}));
  EXPECT_EQ(
      cfa_after(def_cfa_expression(breg(7, 8) + breg(16, 0) + bytes_of({0x3f, 0x1a, 0x35, 0x2a, 0x33, 0x24, 0x22}))),
      CfaRule{CfaKind::expression})
      << "another threshold is another table";
}

TEST(Cfi, GoesBackFromAnExpressionToTheRegisterBefore) {
  const auto rows = rows_of_function(def_cfa(0, 56) + advance(1) + def_cfa_expression(breg(7, 40) + deref()) +
                                     advance(1) + def_cfa_register(7));
  EXPECT_EQ(rows, (std::vector<Row>{row(0x1000, {CfaKind::register_offset, 0, 56}),
                                    row(0x1001, {CfaKind::deref, 7, 40}), row(0x1002, sp_plus(56))}));
  EhFrameBuilder builder(kSection);
  builder.fde(builder.cie("zR", saved(16, 1)), 0x1000, 16, def_cfa_offset(8));
  EXPECT_TRUE(rows_of(builder.bytes, Machine::x86_64, 1).empty()) << "there was no register";
}

TEST(Cfi, MarksSignalTrampolines) {
  EhFrameBuilder builder(kSection);
  builder.fde(builder.cie("zRS"), 0x1000, 16);
  ASSERT_EQ(rows_of(builder.bytes).size(), 1u);
  EXPECT_TRUE(rows_of(builder.bytes)[0].signal);
}

TEST(Cfi, UnderstandsSignedReturnAddressesOfArm64) {
  EhFrameBuilder builder(kSection);
  const auto cie = builder.cie("zRB", def_cfa(31, 0), -8, 30);
  builder.fde(cie, 0x1000, 64, bytes_of({0x2d}) + advance(4) + def_cfa_offset(32) + saved(29, 4) + saved(30, 3));
  EXPECT_EQ(rows_of(builder.bytes, Machine::arm64),
            (std::vector<Row>{row(0x1000, {CfaKind::register_offset, 31, 0}, kUnspecified, kUnspecified),
                              row(0x1004, {CfaKind::register_offset, 31, 32}, {Kind::cfa_offset, 0, -32},
                                  {Kind::cfa_offset, 0, -24})}));
}

TEST(Cfi, DropsAFunctionWhoseInstructionsAreBroken) {
  for (const auto& broken : {
           bytes_of({0x3f}),              // unknown instruction
           restore_state(),               // nothing was remembered
           bytes_of({0x0e}),              // the operand is missing
           bytes_of({0x0f, 0x7f, 0x00}),  // the expression is longer than the FDE
           bytes_of({0x03, 0x01}),        // half a distance
       })
    EXPECT_TRUE(rows_of_function(advance(1) + broken, 1).empty());
  ByteVector deep;
  for (int i = 0; i < 1000; ++i) deep = deep + remember();
  EXPECT_TRUE(rows_of_function(deep, 1).empty());
}

TEST(Cfi, BoundsTheRowsOfOneFunction) {
  EhFrameBuilder builder(kSection);
  ByteVector endless;
  for (int i = 0; i < 300'000; ++i) endless.push_back(std::byte{0x41});
  builder.fde(builder.cie(), 0x1000, 1 << 20, endless);
  EXPECT_TRUE(rows_of(builder.bytes, Machine::x86_64, 1).empty());
}

TEST(EhFrame, SkipsBrokenRecordsAndGoesOn) {
  EhFrameBuilder builder(kSection);
  const auto good = builder.cie();
  const auto odd_version = builder.cie("zR", {}, -8, 16, 9);
  const auto odd_letter = builder.cie("zR?");
  const auto no_length = builder.cie("eh");
  for (const auto cie : {odd_version, odd_letter, no_length, good + 4}) builder.fde(cie, 0x1000, 16);
  builder.fde(good, 0x2000, 0);  // an empty function is no error
  builder.end();                 // an end in the middle, as of two sections put together
  builder.fde(good, 0x3000, 16);
  const auto rows = rows_of(builder.bytes, Machine::x86_64, 7);
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].start, ElfAddress(0x3000));
}

TEST(EhFrame, ABrokenLengthEndsTheSection) {
  for (const uint32_t length : {0xffffffffu, 0xfffffff0u, 100u}) {
    EhFrameBuilder builder(kSection);
    builder.fde(builder.cie(), 0x1000, 16);
    append(builder.bytes, length);
    append(builder.bytes, uint64_t{0});
    EXPECT_EQ(rows_of(builder.bytes, Machine::x86_64, 1).size(), 1u);
  }
}

TEST(EhFrame, SurvivesEveryCut) {
  EhFrameBuilder builder(kSection);
  builder.fde(builder.cie(), 0x1000, 0x100, advance(1) + def_cfa_offset(16) + saved(6, 2));
  for (size_t size = 0; size < builder.bytes.size(); ++size) {
    const ByteVector cut(builder.bytes.begin(), builder.bytes.begin() + static_cast<ptrdiff_t>(size));
    CallFrameReader reader{Bytes(cut), ElfAddress(kSection)};
    EXPECT_FALSE(reader.next()) << size;
  }
}

TEST(EhFrame, RefusesAFunctionThatWrapsRound) {
  EhFrameBuilder builder(kSection, 0x00);
  builder.fde(builder.cie(), UINT64_MAX - 4, 16);
  EXPECT_TRUE(rows_of(builder.bytes, Machine::x86_64, 1).empty());
}

// A .debug_frame of one function: ids and addresses as they are there.
ByteVector debug_frame(uint8_t version, uint8_t address_bytes, uint32_t cie_id, uint32_t fde_id) {
  ByteVector cie;
  append(cie, cie_id);
  cie = cie + bytes_of({version, 0});
  if (version == 4) cie = cie + bytes_of({address_bytes, 0});
  cie = cie + uleb(1) + sleb(-8) + uleb(16) + def_cfa(7, 8) + saved(16, 1);
  ByteVector fde;
  append(fde, fde_id);
  append(fde, uint64_t{0x1000});
  append(fde, uint64_t{0x20});
  fde = fde + advance(4) + def_cfa_offset(48);
  ByteVector section;
  for (const ByteVector& record : {cie, fde}) {
    append(section, static_cast<uint32_t>(record.size()));
    section = section + record;
  }
  return section;
}

TEST(DebugFrame, IsReadInItsOwnFormat) {
  for (const uint8_t version : {1, 3, 4}) {
    SCOPED_TRACE(int{version});
    const ByteVector section = debug_frame(version, 8, 0xffffffff, 0);
    CallFrameReader reader{Bytes(section), ElfAddress(0), CallFrames::Format::debug_frame};
    const auto fde = reader.next();
    ASSERT_TRUE(fde);
    EXPECT_EQ(fde->size, 0x20u);
    std::vector<Row> rows;
    CfiRunner runner(Machine::x86_64);
    ASSERT_TRUE(runner.run(*fde, rows));
    EXPECT_EQ(rows, (std::vector<Row>{row(0x1000, sp_plus(8)), row(0x1004, sp_plus(48))}));
    EXPECT_FALSE(reader.next());
    EXPECT_EQ(reader.broken_records(), 0u);
    // In .eh_frame these ids mean other things, and version 4 does not exist.
    CallFrameReader other{Bytes(section), ElfAddress(0)};
    EXPECT_FALSE(other.next());
  }
}

TEST(DebugFrame, RefusesWhatItCannotRead) {
  const std::vector<ByteVector> sections = {debug_frame(5, 8, 0xffffffff, 0), debug_frame(4, 4, 0xffffffff, 0),
                                            debug_frame(3, 8, 0xffffffff, 4), debug_frame(3, 8, 0, 0)};
  for (const ByteVector& section : sections) {
    CallFrameReader reader{Bytes(section), ElfAddress(0), CallFrames::Format::debug_frame};
    EXPECT_FALSE(reader.next());
    EXPECT_GE(reader.broken_records(), 1u);
  }
}

}  // namespace
}  // namespace splitprof
