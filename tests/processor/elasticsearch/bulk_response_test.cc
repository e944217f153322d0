// SPDX-License-Identifier: Apache-2.0
#include "processor/elasticsearch/bulk_response.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace splitprof::elasticsearch {
namespace {

using testing::HasSubstr;

std::string error_of(const std::string& json, size_t items) {
  const auto outcomes = parse_bulk_response(json, items);
  return outcomes ? "" : outcomes.error().message;
}

TEST(BulkResponse, ReadsWhatBecameOfEachDocument) {
  const auto outcomes = parse_bulk_response(R"({"took":3,"errors":true,"items":[
    {"create":{"_index":"a","status":201,"failure_store":"not_enabled"}},
    {"update":{"status":200}},
    {"create":{"_index":"b","status":409,"error":{"type":"version_conflict_engine_exception","reason":"why",
      "caused_by":{"type":"inner","reason":"inner","list":[{"type":"x"}]}},"_shards":{"failed":0}}},
    {"create":{"status":400,"error":"text","_index":"c","failure_store":"used"}}]})",
                                            4);
  ASSERT_TRUE(outcomes) << outcomes.error().message;
  EXPECT_EQ((*outcomes)[0].status, 201);
  EXPECT_EQ((*outcomes)[0].index, "") << "of stored ones nothing is kept";
  EXPECT_EQ((*outcomes)[1].status, 200);
  EXPECT_EQ((*outcomes)[2].status, 409);
  EXPECT_EQ((*outcomes)[2].index, "b");
  EXPECT_EQ((*outcomes)[2].error_type, "version_conflict_engine_exception");
  EXPECT_EQ((*outcomes)[2].error_reason, "why");
  EXPECT_EQ((*outcomes)[3].error_type, "text");
  EXPECT_EQ((*outcomes)[3].failure_store, "used");
}

TEST(BulkResponse, RefusesWhatIsNotAnAnswerToTheRequest) {
  EXPECT_THAT(error_of("", 1), HasSubstr("not JSON"));
  EXPECT_THAT(error_of("<html>", 1), HasSubstr("not JSON"));
  EXPECT_THAT(error_of(R"({"items":[{"create":{"status":201}})", 1), HasSubstr("ends too early"));
  EXPECT_THAT(error_of(R"({"items":[{"create":{"status":201}}]} x)", 1), HasSubstr("not JSON"));
  EXPECT_THAT(error_of("{}", 1), HasSubstr("about 0 documents, the request had 1"));
  EXPECT_THAT(error_of("[]", 1), HasSubstr("about 0"));
  EXPECT_THAT(error_of(R"([{"items":1},[{"create":{"status":201}}]])", 1), HasSubstr("about 0"));
  EXPECT_THAT(error_of(R"({"items":[1]})", 1), HasSubstr("about 0"));
  EXPECT_THAT(error_of(R"({"items":[{"create":{"status":201}}]})", 2), HasSubstr("about 1 documents"));
  EXPECT_THAT(error_of(R"({"items":[{"create":{"status":201}},{"create":{"status":201}}]})", 1), HasSubstr("more"));
  EXPECT_THAT(error_of(R"({"items":[{"create":{"status":201},"index":{"status":201}}]})", 1), HasSubstr("two"));
  EXPECT_THAT(error_of(R"({"items":[{}]})", 1), HasSubstr("without a status"));
  EXPECT_THAT(error_of(R"({"items":[{"create":{}}]})", 1), HasSubstr("without a status"));
  EXPECT_THAT(error_of(R"({"items":[{"create":{"status":"201"}}]})", 1), HasSubstr("without a status"));
  EXPECT_THAT(error_of(R"({"items":[{"create":{"status":-201}}]})", 1), HasSubstr("without a status"));
  EXPECT_THAT(error_of(R"({"items":[{"create":{"status":99}}]})", 1), HasSubstr("none of HTTP's"));
  EXPECT_THAT(error_of(R"({"items":[{"create":{"status":18446744073709551615}}]})", 1), HasSubstr("none of HTTP's"));
  EXPECT_THAT(error_of(R"({"items":[[{"status":201}]]})", 1), HasSubstr("a list"));
  EXPECT_THAT(error_of(R"({"items":[{"create":[{"status":201}]}]})", 1), HasSubstr("a list"));
  EXPECT_THAT(error_of(R"({"items":[],"items":[{"create":{"status":201}}]})", 1), HasSubstr("about 0"));
}

TEST(BulkResponse, IsBoundedInDepthAndText) {
  EXPECT_THAT(error_of(std::string(1 << 20, '['), 1), HasSubstr("too deep"));
  const auto long_text = parse_bulk_response(
      R"({"items":[{"create":{"status":400,"error":{"type":")" + std::string(100'000, 'x') + R"("}}}]})", 1);
  ASSERT_TRUE(long_text);
  EXPECT_EQ((*long_text)[0].error_type.size(), 512u);
}

TEST(BulkResponse, NothingWasSentAndNothingIsAnswered) {
  EXPECT_TRUE(parse_bulk_response(R"({"items":[]})", 0));
}

TEST(BulkResponse, FindsTheTypeOfAnErrorThatRefusesEverything) {
  EXPECT_EQ(error_type_of(R"({"error":{"type":"security_exception","reason":"r"},"status":403})"),
            "security_exception");
  for (const char* text : {"", "x", "[]", "{}", R"({"error":"text"})", R"({"error":{"type":1}})"})
    EXPECT_EQ(error_type_of(text), "") << text;
}

}  // namespace
}  // namespace splitprof::elasticsearch
