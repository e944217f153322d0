// SPDX-License-Identifier: Apache-2.0
#include "sampler/tables/runtime_check.h"

#include <gtest/gtest.h>

#include <functional>
#include <vector>

#include "bpf/python.h"
#include "sampler/limits.h"

namespace splitprof {
namespace {

struct Bounds {
  uint64_t lowest, highest;
};
const Bounds kFields[] = {
#define SP_FIELD(number, name, lowest, highest, text) {lowest, highest},
#include "bpf/python.def"
#undef SP_FIELD
};

// A request that may be asked for, to be spoiled in one place.
struct Asked {
  std::vector<sp_code_range> loops = {{0x1000, 0x100}, {0x1100, 0x80}};
  std::vector<uint64_t> fields;
  RuntimeRequest rest{.kind = SP_RUNTIME_python, .tls_access = SP_TLS_NONE, .storage = SP_STORAGE_BLOCKS};
  Asked() {
    for (const auto& field : kFields) fields.push_back(field.lowest);
  }
  Result<sp_runtime> check() const {
    auto request = rest;
    request.loops = loops;
    request.fields = fields;
    return check_runtime(request);
  }
};

bool accepted(const std::function<void(Asked&)>& spoil) {
  Asked asked;
  spoil(asked);
  const auto checked = asked.check();
  EXPECT_TRUE(checked || checked.error().code == Errc::malformed);
  return bool{checked};
}

TEST(RuntimeCheck, TakesOverWhatIsInBounds) {
  Asked asked;
  asked.rest.tls_access = SP_TLS_OFFSET;
  asked.rest.tls_value = static_cast<uint64_t>(-64);
  asked.rest.storage_offset = 0x310;
  for (size_t i = 0; i < std::size(kFields); ++i) asked.fields[i] = kFields[i].highest;
  const auto checked = asked.check();
  ASSERT_TRUE(checked);
  EXPECT_EQ(checked->generation, 0u);
  EXPECT_EQ(checked->kind, SP_RUNTIME_python);
  EXPECT_EQ(checked->n_ranges, 2);
  EXPECT_EQ(checked->ranges[1].start, 0x1100u);
  EXPECT_EQ(checked->ranges[1].length, 0x80u);
  EXPECT_EQ(checked->tls_access, SP_TLS_OFFSET);
  EXPECT_EQ(checked->tls_value, static_cast<uint64_t>(-64));
  EXPECT_EQ(checked->storage, SP_STORAGE_BLOCKS);
  EXPECT_EQ(checked->storage_offset, 0x310);
  for (size_t i = 0; i < std::size(kFields); ++i) EXPECT_EQ(checked->fields[i], kFields[i].highest);
  for (size_t i = std::size(kFields); i < SP_MAX_RUNTIME_FIELDS; ++i) EXPECT_EQ(checked->fields[i], 0u);
}

TEST(RuntimeCheck, RefusesInterpretersThatDoNotExist) {
  EXPECT_TRUE(accepted([](Asked&) {}));
  for (uint32_t kind = 0; kind <= 0xffff; ++kind) {
    bool listed = false;
#define SP_RUNTIME(number, name, type) listed = listed || kind == number;
#include "bpf/runtimes.def"
#undef SP_RUNTIME
    if (listed) continue;
    EXPECT_FALSE(accepted([&](Asked& asked) { asked.rest.kind = static_cast<uint16_t>(kind); })) << kind;
  }
}

TEST(RuntimeCheck, RefusesEachFieldOutsideOfItsRangeAndEveryOtherNumberOfThem) {
  for (size_t i = 0; i < std::size(kFields); ++i) {
    SCOPED_TRACE(i);
    EXPECT_TRUE(accepted([&](Asked& asked) { asked.fields[i] = kFields[i].highest; }));
    EXPECT_FALSE(accepted([&](Asked& asked) { asked.fields[i] = kFields[i].highest + 1; }));
    EXPECT_FALSE(accepted([&](Asked& asked) { asked.fields[i] = ~uint64_t{0}; }));
    if (kFields[i].lowest == 0) continue;
    EXPECT_FALSE(accepted([&](Asked& asked) { asked.fields[i] = kFields[i].lowest - 1; }));
  }
  EXPECT_FALSE(accepted([](Asked& asked) { asked.fields.pop_back(); }));
  EXPECT_FALSE(accepted([](Asked& asked) { asked.fields.push_back(0); }));
  EXPECT_FALSE(accepted([](Asked& asked) { asked.fields.clear(); }));
  EXPECT_FALSE(accepted([](Asked& asked) { asked.fields.resize(100'000); }));
}

TEST(RuntimeCheck, RefusesCodeRangesThatAreUnsortedOverlappingOrOutsideOfPrograms) {
  const auto with = [](std::vector<sp_code_range> loops) {
    return accepted([&](Asked& asked) { asked.loops = std::move(loops); });
  };
  constexpr uint64_t kHighest = SP_MAX_USER_ADDRESS;
  EXPECT_TRUE(with({}));
  EXPECT_TRUE(with({{0, 1}, {1, 1}, {2, 1}, {3, 1}}));
  EXPECT_FALSE(with({{0, 1}, {1, 1}, {2, 1}, {3, 1}, {4, 1}})) << "one too many";
  EXPECT_FALSE(with(std::vector<sp_code_range>(300, {0x1000, 1}))) << "a number that does not fit in a byte";
  EXPECT_FALSE(with({{0x2000, 16}, {0x1000, 16}}));
  EXPECT_FALSE(with({{0x1000, 16}, {0x100f, 16}}));
  EXPECT_FALSE(with({{0x1000, 0}}));
  EXPECT_TRUE(with({{0x1000, kMaxCodeRangeBytes}}));
  EXPECT_FALSE(with({{0x1000, kMaxCodeRangeBytes + 1}}));
  EXPECT_FALSE(with({{0x1000, ~uint64_t{0}}}));
  EXPECT_TRUE(with({{kHighest, 1}}));
  EXPECT_FALSE(with({{kHighest, 2}})) << "runs out of what programs have";
  EXPECT_FALSE(with({{kHighest + 1, 1}}));
  EXPECT_FALSE(with({{~uint64_t{0}, 1}}));
}

TEST(RuntimeCheck, RefusesWaysToAThreadsVariableThatDoNotExist) {
  const auto with = [](uint8_t access, uint64_t value) {
    return accepted([&](Asked& asked) { asked.rest.tls_access = access, asked.rest.tls_value = value; });
  };
  constexpr int64_t kTwoGiB = int64_t{1} << 31;
  for (const int64_t offset : {-kTwoGiB, int64_t{-8}, int64_t{0}, kTwoGiB})
    EXPECT_TRUE(with(SP_TLS_OFFSET, static_cast<uint64_t>(offset))) << offset;
  for (const int64_t offset : {-kTwoGiB - 1, kTwoGiB + 1, INT64_MIN, INT64_MAX})
    EXPECT_FALSE(with(SP_TLS_OFFSET, static_cast<uint64_t>(offset))) << offset;
  for (const uint8_t access : {SP_TLS_NONE, SP_TLS_GOT_OFFSET}) {
    EXPECT_TRUE(with(access, SP_MAX_USER_ADDRESS)) << int{access};
    EXPECT_FALSE(with(access, SP_MAX_USER_ADDRESS + 1)) << int{access};
  }
  EXPECT_TRUE(with(SP_TLS_GOT_PAIR, SP_TLS_SLOT(SP_MAX_USER_ADDRESS, 0xffff)));
  for (int access = SP_TLS_GOT_PAIR + 1; access < 256; ++access)
    EXPECT_FALSE(with(static_cast<uint8_t>(access), 0)) << access;
}

TEST(RuntimeCheck, RefusesStorageThatDoesNotExist) {
  const auto with = [](uint8_t storage, int64_t offset) {
    return accepted([&](Asked& asked) { asked.rest.storage = storage, asked.rest.storage_offset = offset; });
  };
  for (const uint8_t storage : {SP_STORAGE_NONE, SP_STORAGE_BLOCKS, SP_STORAGE_ARRAY}) {
    EXPECT_TRUE(with(storage, 65536));
    EXPECT_TRUE(with(storage, -65536));
    EXPECT_FALSE(with(storage, 65537));
    EXPECT_FALSE(with(storage, -65537));
    EXPECT_FALSE(with(storage, INT64_MIN));
  }
  for (int storage = SP_STORAGE_ARRAY + 1; storage < 256; ++storage)
    EXPECT_FALSE(with(static_cast<uint8_t>(storage), 0)) << storage;
}

}  // namespace
}  // namespace splitprof
