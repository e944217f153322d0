// SPDX-License-Identifier: Apache-2.0
#include "processor/otlp/receiver.h"

#include <gmock/gmock.h>
#include <zlib.h>

#include "loopback.h"
#include "processor/otlp/codec.h"
#include "processor/otlp/gunzip.h"
#include "processor/otlp/status.h"
#include "random_telemetry.h"
#include "received.h"

namespace splitprof::otlp {
namespace {

using testing::HasSubstr;

const std::string kPath = "/v1development/profiles";
const std::string kProto = "Content-Type: application/x-protobuf", kJson = "Content-Type: application/json";

std::string gzip(const std::string& bytes) {
  z_stream stream{};
  deflateInit2(&stream, 9, Z_DEFLATED, 16 + 15, 8, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&stream, bytes.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

class OtlpReceiverTest : public testing::Test {
 protected:
  void SetUp() override {
    auto made = OtlpReceiver::make({.name = "otlp", .host = "127.0.0.1", .port = 0, .max_request_bytes = 1u << 20});
    ASSERT_TRUE(made) << made.error().message;
    receiver_ = std::move(*made);
    receiver_->start(intake_);
  }
  LoopbackAnswer send(const std::vector<std::string>& headers, const std::string& body) {
    return post(receiver_->port(), kPath, headers, body);
  }

  KeepingIntake intake_;
  std::unique_ptr<OtlpReceiver> receiver_;
};

TEST_F(OtlpReceiverTest, HandsOnWhatItIsSentInBothEncodings) {
  const auto profiles = typical_profiles(100, 10, 20);
  auto answer = send({kProto}, encode(profiles, Encoding::proto));
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, "");
  EXPECT_THAT(answer.headers, HasSubstr("Content-Type: application/x-protobuf"));
  answer = send({"Content-Type: application/json; charset=utf-8"}, encode(profiles, Encoding::json));
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, "{}");
  EXPECT_THAT(answer.headers, HasSubstr("Content-Type: application/json"));
  answer = send({kProto, "Content-Encoding: gzip"}, gzip(encode(profiles, Encoding::proto)));
  EXPECT_EQ(answer.status, 200);
  const auto batches = intake_.batches();
  ASSERT_EQ(batches.size(), 3u);
  for (const auto& batch : batches) EXPECT_EQ(encode(*batch, Encoding::proto), encode(profiles, Encoding::proto));
  EXPECT_EQ(metric_of(*receiver_, "batches_received"), 3u);
  EXPECT_EQ(metric_of(*receiver_, "samples_received"), 300u);
  EXPECT_EQ(metric_of(*receiver_, "requests_answered"), 3u);
}

TEST_F(OtlpReceiverTest, SaysWhatIsMalformed) {
  auto answer = send({kProto}, "\xff\xff");
  EXPECT_EQ(answer.status, 400);
  EXPECT_THAT(status_message(answer.body, Encoding::proto), HasSubstr("not protobuf"));
  answer = send({kJson}, "{\"resourceProfiles\":");
  EXPECT_EQ(answer.status, 400);
  EXPECT_THAT(status_message(answer.body, Encoding::json), HasSubstr("not JSON"));
  answer = send({kJson, "Content-Encoding: gzip"}, "no gzip at all, but long enough");
  EXPECT_EQ(answer.status, 400);
  EXPECT_THAT(status_message(answer.body, Encoding::json), HasSubstr("not gzip"));
  EXPECT_EQ(metric_of(*receiver_, "batches_malformed"), 3u);
  EXPECT_EQ(intake_.batches().size(), 0u);
}

TEST_F(OtlpReceiverTest, RefusesOtherTypesAndCompressions) {
  EXPECT_EQ(send({"Content-Type: text/plain"}, "x").status, 415);
  EXPECT_EQ(send({}, "x").status, 415);
  EXPECT_EQ(send({kJson, "Content-Encoding: zstd"}, "x").status, 415);
  EXPECT_EQ(post(receiver_->port(), "/v1/traces", {kJson}, "{}").status, 404);
  EXPECT_EQ(metric_of(*receiver_, "batches_unsupported"), 3u);
}

TEST_F(OtlpReceiverTest, RefusesWhatIsTooLargeOrBecomesSo) {
  EXPECT_EQ(send({kProto}, std::string(100 << 20, 'x')).status, 413);
  EXPECT_EQ(send({kProto}, std::string((1 << 20) + 1, 'x')).status, 413);
  EXPECT_EQ(metric_of(*receiver_, "requests_too_large"), 2u);
  // A bomb: 100 MB of zeros in 100 KB.
  const auto bomb = gzip(std::string(100 << 20, '\0'));
  EXPECT_LT(bomb.size(), 200'000u);
  EXPECT_EQ(send({kProto, "Content-Encoding: gzip"}, bomb).status, 413);
  EXPECT_EQ(metric_of(*receiver_, "batches_too_large"), 1u);
}

TEST_F(OtlpReceiverTest, AsksForPatienceWhenThePipelinesDoNotKeepUp) {
  const auto body = encode(typical_profiles(10, 2, 2), Encoding::proto);
  intake_.set_full(true);
  const auto answer = send({kProto}, body);
  EXPECT_EQ(answer.status, 503);
  EXPECT_THAT(answer.headers, HasSubstr("Retry-After: 1\r\n"));
  EXPECT_THAT(status_message(answer.body, Encoding::proto), HasSubstr("send it again"));
  EXPECT_EQ(metric_of(*receiver_, "batches_not_taken"), 1u);
  intake_.set_full(false);
  EXPECT_EQ(send({kProto}, body).status, 200);
}

TEST_F(OtlpReceiverTest, TakesAnEmptyRequestAndHandsNothingOn) {
  EXPECT_EQ(send({kProto}, "").status, 200);
  EXPECT_EQ(send({kJson}, "{}").status, 200);
  EXPECT_EQ(metric_of(*receiver_, "batches_empty"), 2u);
  EXPECT_EQ(intake_.batches().size(), 0u);
}

TEST_F(OtlpReceiverTest, TakesNothingAfterItWasStopped) {
  EXPECT_EQ(send({kProto}, "").status, 200);
  receiver_->stop({}, 0);
  EXPECT_TRUE(receiver_->finished());
  EXPECT_EQ(send({kProto}, "").status, 0);
  EXPECT_EQ(metric_of(*receiver_, "requests_answered"), 1u);
}

TEST(Gunzip, UnpacksSeveralMembersAsOne) {
  const auto text = gunzip(gzip("one ") + gzip("") + gzip("two"), 100);
  ASSERT_TRUE(text) << text.error().message;
  EXPECT_EQ(*text, "one two");
}

TEST(Gunzip, HoldsItsBoundExactly) {
  const auto packed = gzip(std::string(100'000, 'x'));
  ASSERT_TRUE(gunzip(packed, 100'000));
  EXPECT_EQ(gunzip(packed, 99'999).error().code, Errc::too_large);
}

TEST(Gunzip, RefusesWhatIsCutOffOrBroken) {
  const auto packed = gzip("some text that is not very long");
  for (size_t size = 0; size < packed.size(); ++size)
    EXPECT_EQ(gunzip(packed.substr(0, size), 1000).error().code, Errc::truncated) << size;
  for (size_t at = 10; at < packed.size(); ++at) {  // what stands before it is not checked: names, times
    auto broken = packed;
    broken[at] = static_cast<char>(broken[at] ^ 0x55);
    EXPECT_FALSE(gunzip(broken, 1000)) << at;
  }
}

}  // namespace
}  // namespace splitprof::otlp
