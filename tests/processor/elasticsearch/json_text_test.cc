// SPDX-License-Identifier: Apache-2.0
#include "processor/elasticsearch/json_text.h"

#include <gtest/gtest.h>

#include <limits>
#include <nlohmann/json.hpp>
#include <random>
#include <string>

#include "processor/elasticsearch/attribute_json.h"

namespace splitprof::elasticsearch {
namespace {

struct Written {
  std::string json;
  uint64_t cut = 0;
  std::string parsed() const { return nlohmann::json::parse(json); }
};

Written write(std::string_view text) {
  Written written;
  JsonText(written.cut).append_quoted(written.json, text);
  return written;
}

TEST(JsonText, TextsSurvive) {
  for (const std::string text : {"", "plain", "quote \" and \\ backslash", "a\nb\tc\r", "\x01\x1f\x7f", "käse €😀"}) {
    EXPECT_EQ(write(text).parsed(), text);
    EXPECT_EQ(write(text).json.find('\n'), std::string::npos);
  }
  const std::string zero("a\0b", 3);
  EXPECT_EQ(write(zero).parsed(), zero);
}

TEST(JsonText, WhatIsNotUtf8IsReplaced) {
  EXPECT_EQ(write("a\xff z").parsed(), "a\xef\xbf\xbd z");
  EXPECT_EQ(write("\xe2\x82").parsed(), "\xef\xbf\xbd\xef\xbf\xbd");
  EXPECT_EQ(write("\xed\xa0\x80").parsed(), "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");  // a surrogate
}

TEST(JsonText, AnyBytesAreValidJson) {
  std::mt19937 random(7);
  for (int i = 0; i < 2000; ++i) {
    std::string text(random() % 40, ' ');
    for (char& c : text) c = static_cast<char>(random());
    ASSERT_NO_THROW(write(text).parsed()) << i;
  }
}

TEST(JsonText, LongTextsAreCutBetweenCharactersAndCounted) {
  EXPECT_EQ(write(std::string(kMaxTextBytes, 'x')).cut, 0u);
  EXPECT_EQ(write(std::string(kMaxTextBytes, 'x')).parsed().size(), kMaxTextBytes);
  EXPECT_EQ(write(std::string(kMaxTextBytes + 1, 'x')).cut, 1u);
  EXPECT_EQ(write(std::string(kMaxTextBytes + 1, 'x')).parsed().size(), kMaxTextBytes);
  std::string text(kMaxTextBytes - 1, 'x');
  text += "€";
  EXPECT_EQ(write(text).parsed(), std::string(kMaxTextBytes - 1, 'x'));
  EXPECT_EQ(write(text).cut, 1u);
  // Each bad byte becomes three.
  EXPECT_EQ(write(std::string(kMaxTextBytes, '\xff')).parsed().size(), kMaxTextBytes);
}

TEST(JsonText, DoublesAlwaysHaveAPointOrAnExponent) {
  const auto written = [](double number) {
    std::string out;
    append_double(out, number);
    return out;
  };
  EXPECT_EQ(written(1), "1.0");
  EXPECT_EQ(written(-0.25), "-0.25");
  EXPECT_EQ(written(1e300), "1e+300");
  EXPECT_EQ(written(std::numeric_limits<double>::infinity()), "0.0");
  EXPECT_EQ(written(std::numeric_limits<double>::quiet_NaN()), "0.0");
}

std::string object(const otel::Attributes& attributes) {
  std::string out;
  uint64_t cut = 0;
  append_attributes(out, attributes, JsonText(cut), [](std::string_view) { return true; });
  return out;
}

TEST(Attributes, ValuesOfAllTypes) {
  const otel::Value::Map inner{{"k", {int64_t{1}}}, {"deep", {otel::Value::Map{{"x", {true}}}}}};
  EXPECT_EQ(object({{"text", {std::string("a.b")}},
                    {"yes", {true}},
                    {"int", {int64_t{-5}}},
                    {"double", {2.0}},
                    {"bytes", {otel::Bytes{std::string("\x00\xff", 2)}}},
                    {"list", {otel::Value::Array{{std::string("a")}, {int64_t{1}}, {}}}},
                    {"map", {inner}},
                    {"nothing", {}},
                    {"", {int64_t{1}}}}),
            R"({"bytes":"00ff","double":2.0,"int":-5,"list":["a",1,null],)"
            R"("map":"{\"k\":1,\"deep\":{\"x\":true}}","text":"a.b","yes":true})");
}

TEST(Attributes, OrderAndRepetitionDoNotMatter) {
  const otel::Attributes one{{"b", {int64_t{1}}}, {"a", {int64_t{2}}}, {"b", {int64_t{3}}}};
  const otel::Attributes two{{"a", {int64_t{2}}}, {"b", {int64_t{1}}}};
  EXPECT_EQ(object(one), object(two));
}

TEST(Attributes, PlacesBecomeOneValue) {
  EXPECT_EQ(object({{"client.geo.location.lat", {48.5}}, {"client.geo.location.lon", {9.0}}}),
            R"({"client.geo.location":[9.0,48.5]})");
  EXPECT_EQ(object({{"client.geo.location.lat", {48.5}}}), R"({"client.geo.location.lat":48.5})");
}

}  // namespace
}  // namespace splitprof::elasticsearch
