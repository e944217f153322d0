// SPDX-License-Identifier: Apache-2.0
#include "processor/symbols/demangle.h"

#include <fmt/core.h>
#include <gtest/gtest.h>

#include <string>

namespace splitprof {
namespace {

std::string repeat(const std::string& text, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += text;
  return all;
}

TEST(Demangle, NamesCxxFunctionsWithoutTheirParameters) {
  EXPECT_EQ(demangle("_Z3fooi"), "foo");
  EXPECT_EQ(demangle("_ZNSt6vectorIiSaIiEE9push_backERKi"), "std::vector<int, std::allocator<int> >::push_back");
  EXPECT_EQ(demangle("_ZN1AC2Ev"), "A::A");
  EXPECT_EQ(demangle("_ZN1AD0Ev"), "A::~A");
  EXPECT_EQ(demangle("_ZNK1AcvbEv"), "A::operator bool");
  EXPECT_EQ(demangle("_ZZ4mainENKUlvE_clEv"), "main::{lambda()#1}::operator()");
  EXPECT_EQ(demangle("_ZN4llvm12hash_combineIJjjjEEENS_9hash_codeEDpRKT_"),
            "llvm::hash_combine<unsigned int, unsigned int, unsigned int>");
  EXPECT_EQ(demangle("_Z3foov.constprop.0"), "foo");
}

TEST(Demangle, NamesRustFunctionsWithoutTheirHashes) {
  EXPECT_EQ(demangle("_ZN4core3ptr13drop_in_place17h0123456789abcdefE"), "core::ptr::drop_in_place");
  EXPECT_EQ(demangle("_ZN3foo3bar17h0123456789abcdefE.llvm.12345"), "foo::bar");
  EXPECT_EQ(demangle("_RNvCs1234_7mycrate3foo"), "mycrate::foo");
  EXPECT_EQ(demangle("_RNvCs1234_7mycrate3foo.llvm.99"), "mycrate::foo");
  EXPECT_EQ(demangle("_RINvC1a1bThhEE"), "a::b::<(u8, u8)>");
  EXPECT_EQ(demangle("_RNqCs4fqI2P2rA04_11utf8_identsu30____7hkackfecea1cbdathfdh9hlq6y"),
            "utf8_idents::\xe1\x83\xa1\xe1\x83\x90\xe1\x83\xad\xe1\x83\x9b\xe1\x83\x94\xe1\x83\x9a\xe1\x83\x90\xe1\x83"
            "\x93_\xe1\x83\x92\xe1\x83\x94\xe1\x83\x9b\xe1\x83\xa0\xe1\x83\x98\xe1\x83\x94\xe1\x83\x9a\xe1\x83\x98_"
            "\xe1\x83\xa1\xe1\x83\x90\xe1\x83\x93\xe1\x83\x98\xe1\x83\x9a\xe1\x83\x98");
}

TEST(Demangle, NamesDFunctionsWithoutTheirParameters) {
  EXPECT_EQ(demangle("_Dmain"), "D main");
  EXPECT_EQ(demangle("_D8demangle4testFZv"), "demangle.test");
  EXPECT_EQ(demangle("_D8demangle4testFiAxaZv"), "demangle.test");
  EXPECT_EQ(demangle("_D8demangle4testMFiZ4nestFZi"), "demangle.test(int).nest");
  EXPECT_EQ(demangle("_D8demangle11__T4testTaZv"), "demangle.test!(char)");
  EXPECT_EQ(demangle("_D3std5stdio__T7writelnTAyaZQnFQhZv"), "std.stdio.writeln!(immutable(char)[]).writeln");
  EXPECT_EQ(demangle("_D4core6thread6Thread6__ctorMFZC4core6thread6Thread"), "core.thread.Thread.this");
}

TEST(Demangle, IsNotKeptBusyByDNamesThatDoubleThemselves) {
  // Each function type after an identifier is parsed twice, the inner ones each time.
  EXPECT_EQ(demangle("_D3foo1aF" + repeat("C1aF", 60) + "Zv"), std::nullopt);
  EXPECT_EQ(demangle("_D3foo1aF" + repeat("C1aF", 240)), std::nullopt);
  // Each back reference stands for all before it.
  EXPECT_EQ(demangle("_D3foo__T1aTS" + repeat("3barQeQgQi", 60) + "ZQzFZv"), std::nullopt);
  EXPECT_EQ(demangle("_D" + repeat("__T1aS99", 100) + "Zv"), std::nullopt);
}

TEST(Demangle, LeavesOtherNamesAlone) {
  for (const char* name :
       {"", "main", "_", "_Z", "_R", "_D", "_Z3fo", "_start", "Z3foov", "__Z3foov", "_DYNAMIC", "_D3fo"})
    EXPECT_EQ(demangle(name), std::nullopt) << name;
  EXPECT_EQ(demangle(std::string_view("_Z3foo\0v", 8)), std::nullopt);
}

TEST(Demangle, RefusesNamesPastItsBounds) {
  EXPECT_TRUE(demangle("_Z1000" + std::string(1000, 'x') + "v"));
  EXPECT_FALSE(demangle("_Z1100" + std::string(1100, 'x') + "v"));
  EXPECT_TRUE(demangle("_Z1fI900" + std::string(900, 'x') + repeat("S0_", 7) + "Evv"));
  // Ten substitutions of a long name each: small enough to read, too long to write.
  EXPECT_FALSE(demangle("_Z1fI900" + std::string(900, 'x') + repeat("S0_", 10) + "Evv"));
}

TEST(Demangle, IsNotKeptBusyByNamesThatDoubleThemselves) {
  const auto substitution = [](int i) {
    if (i == 0) return std::string("S_");
    return fmt::format("S{}_", "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"[i - 1]);
  };
  // Arguments of a template f: p<int, int>, then p of that one twice, and so on: 2^levels ints in the last one.
  const auto cxx = [&](int levels, const std::string& last) {
    std::string name = "_Z1fI1pIiiE";
    for (int i = 2; i < 2 + levels; ++i) name += substitution(1) + "I" + substitution(i) + substitution(i) + "E";
    return name + last + substitution(1 + levels) + "Evv";
  };
  EXPECT_EQ(demangle(cxx(1, "")), "f<p<int, int>, p<p<int, int>, p<int, int> >, p<int, int> >");
  EXPECT_FALSE(demangle(cxx(30, ""))) << "is written";
  EXPECT_TRUE(demangle(cxx(3, "Dp")));
  EXPECT_FALSE(demangle(cxx(30, "Dp"))) << "is searched for a pack without writing";

  // Each conversion to T_ with arguments is tried twice, the inner ones each time.
  EXPECT_FALSE(demangle("_Z" + repeat("cvT_I", 60) + "Do" + repeat("ptst", 100)));
  EXPECT_TRUE(demangle("_ZN2cv3MatI" + repeat("N2cv1aE", 50) + "E1fEv")) << "a namespace, not a conversion";

  const auto base62 = [](int n) {
    const std::string digits = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    if (n == 0) return std::string("_");
    std::string text;
    for (--n;; n /= 62) {
      text.insert(text.begin(), digits[static_cast<size_t>(n % 62)]);
      if (n < 62) return text + "_";
    }
  };
  std::string rust = "INvC1a1bThhE";
  for (int i = 0, before = 8; i < 40; ++i) {
    const int start = static_cast<int>(rust.size());
    rust += "TB" + base62(before) + "B" + base62(before) + "E";
    before = start;
  }
  EXPECT_FALSE(demangle("_R" + rust + "E"));
  // The same with an identifier of punycode, during whose printing libiberty holds memory.
  rust.replace(0, std::string("INvC1a1b").size(), "INvC1au3bba");
  EXPECT_FALSE(demangle("_R" + rust + "E"));
}

TEST(Demangle, SurvivesDeepNesting) {
  for (const std::string part : {"P",  "N", "F",  "X",  "1aI", "I", "J", "Dp", "R",     "T",   "cv",
                                 "St", "Z", "sr", "DT", "L",   "A", "H", "D",  "__T1a", "C1a", "S1aF"}) {
    for (const std::string before : {"_Z", "_Z1f", "_Z1fI", "_R", "_RINvC1a1b", "_ZN", "_D1aF", "_D1a", "_D"}) {
      const std::string open = before + repeat(part, 900 / static_cast<int>(part.size()));
      demangle(open);
      demangle(open + "i");
      demangle(before + repeat(part, 330) + "i" + repeat("E", 100));
    }
  }
}

}  // namespace
}  // namespace splitprof
