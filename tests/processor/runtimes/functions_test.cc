// SPDX-License-Identifier: Apache-2.0
#include "processor/runtimes/functions.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <new>
#include <random>
#include <unordered_map>
#include <unordered_set>

// Counts what this program allocates.
namespace {
uint64_t allocations = 0;
}

__attribute__((noinline)) void* operator new(size_t size) {
  ++allocations;
  if (void* memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
__attribute__((noinline)) void operator delete(void* memory) noexcept {
  std::free(memory);
}
__attribute__((noinline)) void operator delete(void* memory, size_t) noexcept {
  std::free(memory);
}

namespace splitprof {
namespace {

Function function(uint32_t number) {
  return Function{.name = fmt::format("package.module.Class.method_{}", number),
                  .file = fmt::format("/usr/lib/python3/dist-packages/package/module_{}.py", number % 100),
                  .first_line = number % 1000,
                  .lines = {{0, number % 1000}, {4, number % 1000 + 1}}};
}

TEST(Functions, GiveEqualFunctionsOneNumber) {
  Functions functions;
  const uint32_t id = functions.intern(function(1));
  EXPECT_GE(id, kFirstFunctionId);
  EXPECT_EQ(functions.intern(function(1)), id);
  ASSERT_NE(functions.find(id), nullptr);
  EXPECT_EQ(*functions.find(id), function(1));
  EXPECT_EQ(functions.size(), 1u);
}

TEST(Functions, TellApartWhatDiffersInOneThing) {
  Functions functions;
  std::unordered_set<uint32_t> ids;
  Function one = function(1);
  ids.insert(functions.intern(one));
  one.name += "'";
  ids.insert(functions.intern(one));
  one.file += "'";
  ids.insert(functions.intern(one));
  ++one.first_line;
  ids.insert(functions.intern(one));
  ++one.lines[1].line;
  ids.insert(functions.intern(one));
  ++one.lines[1].position;
  ids.insert(functions.intern(one));
  one.lines.pop_back();
  ids.insert(functions.intern(one));
  // The same letters, cut elsewhere.
  ids.insert(functions.intern(Function{.name = "ab", .file = "c"}));
  ids.insert(functions.intern(Function{.name = "a", .file = "bc"}));
  EXPECT_EQ(ids.size(), 9u);
}

TEST(Functions, TellTheLine) {
  Functions functions;
  const uint32_t id = functions.intern(Function{.name = "f", .first_line = 7, .lines = {{0, 7}, {10, 9}, {12, 0}}});
  EXPECT_EQ(functions.line_at(id, 3), 7u);
  EXPECT_EQ(functions.line_at(id, 11), 9u);
  EXPECT_EQ(functions.line_at(id, 12), 7u) << "none there: the function's first one";
  EXPECT_EQ(functions.line_at(id + 1, 3), 0u);
}

TEST(Functions, KnowNoNumberThatWasNotGiven) {
  Functions functions;
  const uint32_t id = functions.intern(function(1));
  for (const uint32_t wrong : {0u, 1u, 15u, id + 1, id | 1u << Functions::kSlotBits, UINT32_MAX}) {
    EXPECT_EQ(functions.find(wrong), nullptr) << wrong;
    EXPECT_FALSE(functions.mark_used(wrong)) << wrong;
  }
}

TEST(Functions, HaveASentenceForEachError) {
  for (const auto error : {FunctionError::gone, FunctionError::replaced, FunctionError::unreadable,
                           FunctionError::limited, FunctionError::broken_chain, FunctionError::late})
    EXPECT_NE(function_error_text(id_of(error)), nullptr);
  EXPECT_EQ(function_error_text(0), nullptr);
  EXPECT_EQ(function_error_text(kHiddenFunction), nullptr);
  EXPECT_EQ(function_error_text(kFirstFunctionId), nullptr);
}

TEST(Functions, KeepWhatThisOrTheLastProfileUsed) {
  Functions functions({.functions = 3});
  const uint32_t a = functions.intern(function(1));
  const uint32_t b = functions.intern(function(2));
  functions.begin_profile();
  EXPECT_TRUE(functions.mark_used(a));
  const uint32_t c = functions.intern(function(3));
  EXPECT_EQ(functions.intern(function(4)), id_of(FunctionError::limited)) << "the profile before may still show b";
  EXPECT_EQ(functions.refused(), 1u);
  functions.begin_profile();
  const uint32_t d = functions.intern(function(4));
  EXPECT_GE(d, kFirstFunctionId);
  EXPECT_EQ(functions.find(b), nullptr);
  EXPECT_FALSE(functions.mark_used(b));
  EXPECT_NE(d, b) << "who remembers b must not be shown d";
  EXPECT_EQ(*functions.find(a), function(1));
  EXPECT_EQ(*functions.find(c), function(3));
  EXPECT_EQ(*functions.find(d), function(4));
  EXPECT_EQ(functions.evicted(), 1u);
}

TEST(Functions, InterningAgainIsUse) {
  Functions functions({.functions = 1});
  const uint32_t a = functions.intern(function(1));
  for (int profile = 0; profile < 5; ++profile) {
    functions.begin_profile();
    EXPECT_EQ(functions.intern(function(1)), a);
    EXPECT_EQ(functions.intern(function(2)), id_of(FunctionError::limited));
  }
}

TEST(Functions, StayWithinTheirMemory) {
  constexpr uint64_t kLimit = 1 << 20;
  Functions functions({.bytes = kLimit});
  std::vector<uint32_t> first;
  for (uint32_t i = 0; i < 20000; ++i) {
    first.push_back(functions.intern(function(i)));
    EXPECT_LE(functions.memory_bytes(), kLimit);
  }
  EXPECT_GT(functions.refused(), 0u);
  EXPECT_EQ(functions.evicted(), 0u);
  const size_t fit = functions.size();
  EXPECT_GT(fit, 2000u);
  for (uint32_t i = 0; i < fit; ++i) EXPECT_EQ(*functions.find(first[i]), function(i));
  functions.begin_profile();
  functions.begin_profile();
  for (uint32_t i = 20000; i < 40000; ++i) {
    functions.intern(function(i));
    EXPECT_LE(functions.memory_bytes(), kLimit);
  }
  EXPECT_EQ(functions.evicted(), fit);
  const Function large{.name = std::string(kLimit, 'x')};
  const size_t before = functions.size();
  EXPECT_EQ(functions.intern(large), id_of(FunctionError::limited));
  EXPECT_EQ(functions.size(), before) << "nothing goes for what has no room anyway";
}

TEST(Functions, CountTheMemoryThatTheyHave) {
  Functions functions;
  const uint64_t empty = functions.memory_bytes();
  const Function one = function(1);
  functions.intern(one);
  const uint64_t content = one.name.size() + one.file.size() + one.lines.size() * sizeof(Function::LineEntry);
  EXPECT_GE(functions.memory_bytes(), empty + sizeof(Function) + content);
  EXPECT_LE(functions.memory_bytes(), empty + sizeof(Function) + content + 200);
}

TEST(Functions, HoldAMillion) {
  Functions functions({.functions = 1'000'000, .bytes = 2ull << 30});
  std::vector<uint32_t> ids;
  for (uint32_t i = 0; i < 1'000'000; ++i) ids.push_back(functions.intern(function(i)));
  EXPECT_EQ(functions.size(), 1'000'000u);
  EXPECT_EQ(functions.refused(), 0u);
  for (uint32_t i = 0; i < ids.size(); i += 97) {
    ASSERT_NE(functions.find(ids[i]), nullptr);
    EXPECT_EQ(functions.find(ids[i])->name, function(i).name);
    EXPECT_EQ(functions.intern(function(i)), ids[i]);
  }
  EXPECT_EQ(functions.intern(function(1'000'000)), id_of(FunctionError::limited));
}

TEST(Functions, FindWithoutAllocating) {
  Functions functions;
  std::vector<uint32_t> ids;
  for (uint32_t i = 0; i < 1000; ++i) ids.push_back(functions.intern(function(i)));
  const uint64_t before = allocations;
  EXPECT_GT(before, 1000u);
  uint64_t lines = 0;
  for (const uint32_t id : ids)
    lines += functions.mark_used(id) + functions.line_at(id, 3) + functions.find(id)->first_line;
  EXPECT_EQ(allocations, before);
  EXPECT_GT(lines, 0u);
}

// Functions that differ in little, as those of one file do: the hash has to spread them all the same. With a bad one
// this takes minutes.
TEST(Functions, AreFoundQuicklyAmongManyAlikeOnes) {
  Functions functions({.functions = 1'000'000, .bytes = 2ull << 30});
  const auto made = [](uint32_t i) {
    return Function{.name = "f", .file = "x.py", .first_line = i / 1000, .lines = {{0, i / 1000}, {i % 1000 + 1, 0}}};
  };
  for (uint32_t i = 0; i < 200'000; ++i) ASSERT_NE(functions.intern(made(i)), id_of(FunctionError::limited));
  EXPECT_EQ(functions.size(), 200'000u);
}

// Against a plain map: random functions over random profiles, with far more of them than there is room for.
TEST(Functions, NeverConfuseTwoFunctionsWhateverGoes) {
  for (uint32_t seed = 0; seed < 20; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    Functions functions({.functions = 500});
    struct Known {
      uint32_t number;
      uint32_t used;
    };
    std::unordered_map<uint32_t, Known> known;  // by id: everything that was ever given
    uint32_t profile = 10;
    for (int step = 0; step < 20000; ++step) {
      if (random() % 1000 == 0) {
        functions.begin_profile();
        ++profile;
      }
      const uint32_t number = random() % 3000;
      const uint32_t id = functions.intern(function(number));
      if (id == id_of(FunctionError::limited)) continue;
      const auto found = known.find(id);
      if (found != known.end()) {
        ASSERT_EQ(found->second.number, number);
      }
      known[id] = {number, profile};
    }
    size_t alive = 0;
    for (const auto& [id, what] : known) {
      const Function* found = functions.find(id);
      alive += found != nullptr;
      if (found) {
        ASSERT_EQ(*found, function(what.number));
      } else {
        ASSERT_LT(what.used + 1, profile) << "a profile that is alive has lost a name";
      }
    }
    ASSERT_EQ(alive, functions.size());
  }
}

}  // namespace
}  // namespace splitprof
