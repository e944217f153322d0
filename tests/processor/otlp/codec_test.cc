// SPDX-License-Identifier: Apache-2.0
#include "processor/otlp/codec.h"

#include <gmock/gmock.h>

#include <protozero/pbf_writer.hpp>

#include "random_telemetry.h"

namespace splitprof::otlp {
namespace {

using testing::HasSubstr;

otel::Profiles decoded(std::string_view body, Encoding encoding) {
  auto out = decode_profiles(body, encoding);
  EXPECT_TRUE(out) << out.error().message;
  return out ? std::move(*out) : otel::Profiles();
}

std::string refusal(std::string_view body, Encoding encoding, Errc wanted, const DecodeLimits& limits = {}) {
  const auto out = decode_profiles(body, encoding, limits);
  if (out) return "taken";
  EXPECT_EQ(out.error().code, wanted) << out.error().message;
  return out.error().message;
}

// Each field by itself, so that one that both directions forget is missed.
TEST(Codec, ReadsEveryFieldOfAProfileInJson) {
  const auto out = decoded(R"({
    "dictionary": {
      "attributeTable": [{}, {"keyStrindex": 1, "value": {"stringValueStrindex": 2}, "unitStrindex": 3}],
      "stringTable": ["", "one", "two", "three"],
      "mappingTable": [{}, {"memoryStart": "4096", "memoryLimit": 8192, "fileOffset": "1", "filenameStrindex": 3,
                            "attributeIndices": [1, -1]}],
      "locationTable": [{"mappingIndex": 1, "address": "18446744073709551615", "attributeIndices": [1],
                         "lines": [{"functionIndex": 2, "line": "-3", "column": 4}]}],
      "functionTable": [{"nameStrindex": 1, "systemNameStrindex": 2, "filenameStrindex": 3, "startLine": "7"}],
      "linkTable": [{"traceId": "5B8EFFF798038103D269B633813FC60C", "spanId": "eee19b7ec3c1b174"}],
      "stackTable": [{}, {"locationIndices": [0, 2147483647, -2147483648]}],
      "unknownTable": [{"a": [1, {"b": null}]}]
    },
    "resourceProfiles": [{
      "resource": {"attributes": [{"keyStrindex": 1, "value": {"intValue": "-5"}},
                                  {"key": "list", "value": {"arrayValue": {"values": [{"boolValue": true}, {}]}}},
                                  {"key": "map", "value": {"kvlistValue": {"values": [
                                    {"key": "d", "value": {"doubleValue": 1.5}},
                                    {"key": "b", "value": {"bytesValue": "AAEC/w=="}}]}}}],
                   "droppedAttributesCount": 2},
      "schemaUrl": "r",
      "scopeProfiles": [{
        "scope": {"name": "n", "version": "v", "attributes": [{"key": "k"}], "droppedAttributesCount": 1},
        "schemaUrl": "s",
        "profiles": [{
          "sampleType": {"typeStrindex": 1, "unitStrindex": 2}, "periodType": {"typeStrindex": 3, "unitStrindex": 1},
          "period": "50", "timeUnixNano": "1700000000000000000", "durationNano": 5, "attributeIndices": [1],
          "profileId": "000102030405060708090a0b0c0d0e0f", "droppedAttributesCount": 9,
          "originalPayloadFormat": "pprof", "originalPayload": "_-8", "unknown": {"deep": [[[]]]},
          "samples": [{"stackIndex": 1, "linkIndex": 2, "attributeIndices": [3, 4], "values": ["1", -2],
                       "timestampsUnixNano": ["18446744073709551615", 7]}, {}]
        }]
      }]
    }]
  })",
                           Encoding::json);
  const auto& tables = out.dictionary;
  ASSERT_EQ(tables.strings.size(), 4u);
  EXPECT_EQ(tables.strings[3], "three");
  ASSERT_EQ(tables.attributes.size(), 2u);
  EXPECT_EQ(tables.attributes[1].key, 1);
  EXPECT_EQ(text_of(tables.attributes[1].value), "two");
  EXPECT_EQ(tables.attributes[1].unit, 3);
  ASSERT_EQ(tables.mappings.size(), 2u);
  EXPECT_EQ(tables.mappings[1].memory_start, 4096u);
  EXPECT_EQ(tables.mappings[1].memory_limit, 8192u);
  EXPECT_EQ(tables.mappings[1].file_offset, 1u);
  EXPECT_EQ(tables.mappings[1].filename, 3);
  EXPECT_THAT(tables.attributes_of(tables.mappings[1]), testing::ElementsAre(1, -1));
  ASSERT_EQ(tables.locations.size(), 1u);
  EXPECT_EQ(tables.locations[0].mapping, 1);
  EXPECT_EQ(tables.locations[0].address, UINT64_MAX);
  EXPECT_THAT(tables.attributes_of(tables.locations[0]), testing::ElementsAre(1));
  ASSERT_EQ(tables.lines_of(tables.locations[0]).size(), 1u);
  EXPECT_EQ(tables.lines_of(tables.locations[0])[0].function, 2);
  EXPECT_EQ(tables.lines_of(tables.locations[0])[0].line, -3);
  EXPECT_EQ(tables.lines_of(tables.locations[0])[0].column, 4);
  ASSERT_EQ(tables.functions.size(), 1u);
  EXPECT_EQ(tables.functions[0].name, 1);
  EXPECT_EQ(tables.functions[0].system_name, 2);
  EXPECT_EQ(tables.functions[0].filename, 3);
  EXPECT_EQ(tables.functions[0].start_line, 7);
  ASSERT_EQ(tables.links.size(), 1u);
  EXPECT_EQ(tables.links[0].trace_id, "\x5b\x8e\xff\xf7\x98\x03\x81\x03\xd2\x69\xb6\x33\x81\x3f\xc6\x0c");
  EXPECT_EQ(tables.links[0].span_id, "\xee\xe1\x9b\x7e\xc3\xc1\xb1\x74");
  EXPECT_THAT(tables.locations_of(0), testing::IsEmpty());
  EXPECT_THAT(tables.locations_of(1), testing::ElementsAre(0, INT32_MAX, INT32_MIN));

  ASSERT_EQ(out.resources.size(), 1u);
  const auto& resource = out.resources[0];
  EXPECT_EQ(resource.schema_url, "r");
  EXPECT_EQ(resource.resource.dropped_attributes, 2u);
  EXPECT_EQ(*find(resource.resource.attributes, "one"), otel::Value{int64_t{-5}});
  EXPECT_EQ(*find(resource.resource.attributes, "list"), (otel::Value{otel::Value::Array{{true}, {}}}));
  const otel::Value::Map map{{"d", {1.5}}, {"b", {otel::Bytes{std::string("\0\1\2\xff", 4)}}}};
  EXPECT_EQ(*find(resource.resource.attributes, "map"), otel::Value{map});
  const auto& scope = resource.scopes.at(0);
  EXPECT_EQ(scope.schema_url, "s");
  EXPECT_EQ(scope.scope, (otel::Scope{"n", "v", {{"k", {}}}, 1}));
  const auto& profile = scope.profiles.at(0);
  EXPECT_EQ(profile.sample_type.type, 1);
  EXPECT_EQ(profile.sample_type.unit, 2);
  EXPECT_EQ(profile.period_type.type, 3);
  EXPECT_EQ(profile.period_type.unit, 1);
  EXPECT_EQ(profile.period, 50);
  EXPECT_EQ(profile.time_ns, 1'700'000'000'000'000'000u);
  EXPECT_EQ(profile.duration_ns, 5u);
  EXPECT_EQ(profile.id, std::string("\0\1\2\3\4\5\6\7\x8\x9\xa\xb\xc\xd\xe\xf", 16));
  EXPECT_EQ(profile.dropped_attributes, 9u);
  EXPECT_EQ(profile.original_payload_format, "pprof");
  EXPECT_EQ(profile.original_payload, "\xff\xef");
  EXPECT_THAT(profile.attributes, testing::ElementsAre(1));
  ASSERT_EQ(profile.samples.size(), 2u);
  const auto& sample = profile.samples[0];
  EXPECT_EQ(sample.stack, 1);
  EXPECT_EQ(sample.link, 2);
  EXPECT_THAT(part_of(profile.indices, sample.attributes), testing::ElementsAre(3, 4));
  EXPECT_THAT(part_of(profile.values, sample.values), testing::ElementsAre(1, -2));
  EXPECT_THAT(part_of(profile.timestamps_ns, sample.timestamps), testing::ElementsAre(UINT64_MAX, 7u));
  EXPECT_EQ(profile.samples[1].values.count, 0u);
}

TEST(Codec, LosesNothingOnTheWayThereAndBack) {
  for (uint32_t seed = 0; seed < 300; ++seed) {
    SCOPED_TRACE(seed);
    const auto profiles = random_profiles(seed);
    const auto proto = encode(profiles, Encoding::proto), json = encode(profiles, Encoding::json);
    EXPECT_EQ(encode(decoded(proto, Encoding::proto), Encoding::proto), proto);
    EXPECT_EQ(encode(decoded(json, Encoding::json), Encoding::json), json);
    EXPECT_EQ(encode(decoded(json, Encoding::json), Encoding::proto), proto);
    EXPECT_EQ(encode(decoded(proto, Encoding::proto), Encoding::json), json);
  }
}

TEST(Codec, KeepsEntriesThatAreEmpty) {
  otel::Profiles profiles;
  profiles.dictionary.stacks.resize(3);
  profiles.dictionary.locations.resize(2);
  profiles.resources.resize(1);
  profiles.resources[0].scopes.resize(1);
  profiles.resources[0].scopes[0].profiles.resize(1);
  profiles.resources[0].scopes[0].profiles[0].samples.resize(4);
  for (const auto encoding : {Encoding::proto, Encoding::json}) {
    const auto out = decoded(encode(profiles, encoding), encoding);
    EXPECT_EQ(out.dictionary.stacks.size(), 3u);
    EXPECT_EQ(out.dictionary.locations.size(), 2u);
    EXPECT_EQ(out.resources.at(0).scopes.at(0).profiles.at(0).samples.size(), 4u);
  }
}

TEST(Codec, ReadsListsThatAreNotPacked) {
  std::string stack, dictionary, body;
  protozero::pbf_writer(stack).add_int32(1, 7);
  protozero::pbf_writer(stack).add_int32(1, -1);
  protozero::pbf_writer(dictionary).add_message(7, stack);
  protozero::pbf_writer(body).add_message(2, dictionary);
  EXPECT_THAT(decoded(body, Encoding::proto).dictionary.locations_of(0), testing::ElementsAre(7, -1));
}

TEST(Codec, SkipsFieldsOfAnotherWireType) {
  std::string stack, dictionary, body;
  protozero::pbf_writer(stack).add_fixed64(1, 7);
  protozero::pbf_writer(stack).add_int32(1, 3);
  protozero::pbf_writer(dictionary).add_message(7, stack);
  protozero::pbf_writer(dictionary).add_uint64(5, 5);  // a string that is a number
  protozero::pbf_writer(body).add_message(2, dictionary);
  const auto out = decoded(body, Encoding::proto);
  EXPECT_THAT(out.dictionary.locations_of(0), testing::ElementsAre(3));
  EXPECT_EQ(out.dictionary.strings.size(), 0u);
}

TEST(Codec, MendsTextThatIsNotUtf8) {
  otel::Profiles profiles;
  profiles.dictionary.strings.add("");
  profiles.dictionary.strings.add(
      "a\xff"
      "b\xc3");
  profiles.resources.resize(1);
  otel::set(profiles.resources[0].resource.attributes, "k", {std::string("\xed\xa0\x80")});
  for (const auto encoding : {Encoding::proto, Encoding::json}) {
    const auto out = decoded(encode(profiles, encoding), encoding);
    EXPECT_EQ(out.dictionary.strings[1], "a\ufffdb\ufffd");
    EXPECT_EQ(text_of(*find(out.resources.at(0).resource.attributes, "k")), "\ufffd\ufffd\ufffd");
  }
}

TEST(Codec, KeepsBytesOfProtobufThatAreNotUtf8) {
  std::string dictionary, body;
  protozero::pbf_writer(dictionary).add_string(5, "a\xff");
  protozero::pbf_writer(body).add_message(2, dictionary);
  EXPECT_EQ(decoded(body, Encoding::proto).dictionary.strings[0], "a\xff");
}

TEST(Codec, ReadsAStackOfFiveThousandFrames) {
  const auto profiles = typical_profiles(10, 2, 5000);
  for (const auto encoding : {Encoding::proto, Encoding::json})
    EXPECT_EQ(decoded(encode(profiles, encoding), encoding).dictionary.locations_of(2).size(), 5000u);
}

std::string nested_proto(unsigned depth) {
  std::string value;
  for (unsigned i = 0; i < depth; ++i) {
    std::string list, outer;
    protozero::pbf_writer(list).add_message(1, value);
    protozero::pbf_writer(outer).add_message(5, list);
    value = outer;
  }
  std::string attribute, resource, resource_profiles, body;
  protozero::pbf_writer(attribute).add_message(2, value);
  protozero::pbf_writer(resource).add_message(1, attribute);
  protozero::pbf_writer(resource_profiles).add_message(1, resource);
  protozero::pbf_writer(body).add_message(1, resource_profiles);
  return body;
}

std::string nested_json(unsigned depth) {
  std::string value = "{}";
  for (unsigned i = 0; i < depth; ++i) value = R"({"arrayValue":{"values":[)" + value + "]}}";
  return R"({"resourceProfiles":[{"resource":{"attributes":[{"key":"k","value":)" + value + "}]}}]}";
}

TEST(Codec, RefusesValuesThatAreNestedTooDeep) {
  decoded(nested_proto(otel::kMaxValueDepth - 1), Encoding::proto);
  decoded(nested_json(otel::kMaxValueDepth - 1), Encoding::json);
  for (const unsigned depth : {otel::kMaxValueDepth, 1000u}) {
    EXPECT_THAT(refusal(nested_proto(depth), Encoding::proto, Errc::unsupported), HasSubstr("deeper than 16"));
    if (depth < 1000)
      EXPECT_THAT(refusal(nested_json(depth), Encoding::json, Errc::unsupported), HasSubstr("deeper than 16"));
    else
      EXPECT_NE(refusal(nested_json(depth), Encoding::json, Errc::unsupported), "taken");
  }
  refusal(std::string(10'000'000, '['), Encoding::json, Errc::malformed);
  EXPECT_NE(refusal(R"({"x":)" + std::string(1'000'000, '['), Encoding::json, Errc::malformed), "taken");
}

TEST(Codec, RefusesWhatBecomesTooLarge) {
  // Two bytes each: the begin of an empty Profile, of an empty Sample.
  std::string profiles, scope, body;
  for (int i = 0; i < 100'000; ++i) profiles += std::string("\x12\0", 2);
  protozero::pbf_writer(scope).add_message(2, profiles);
  protozero::pbf_writer(body).add_message(1, scope);
  EXPECT_THAT(refusal(body, Encoding::proto, Errc::too_large, {.memory_bytes = 1 << 20}), HasSubstr("1048576 bytes"));
  std::string json = R"({"dictionary":{"stackTable":[{})";
  for (int i = 0; i < 100'000; ++i) json += ",{}";
  json += "]}}";
  EXPECT_THAT(refusal(json, Encoding::json, Errc::too_large, {.memory_bytes = 1 << 19}), HasSubstr("524288 bytes"));
  // A long text that many refer to.
  std::string dictionary, attribute, resource, one, many;
  protozero::pbf_writer(dictionary).add_string(5, std::string(100'000, 'x'));
  protozero::pbf_writer(attribute).add_int32(3, 0);
  for (int i = 0; i < 1000; ++i) protozero::pbf_writer(resource).add_message(1, attribute);
  protozero::pbf_writer(one).add_message(1, resource);
  protozero::pbf_writer(many).add_message(1, one);
  protozero::pbf_writer(many).add_message(2, dictionary);
  EXPECT_THAT(refusal(many, Encoding::proto, Errc::too_large, {.memory_bytes = 1 << 20}), HasSubstr("1048576 bytes"));
}

TEST(Codec, RefusesWhatIsCutOff) {
  const auto profiles = random_profiles(3);
  const auto json = encode(profiles, Encoding::json);
  for (size_t size = 0; size < json.size(); ++size)
    EXPECT_NE(refusal(json.substr(0, size), Encoding::json, Errc::malformed), "taken") << size;
  // A prefix of protobuf may end between two fields; a field that is cut is refused.
  const auto proto = encode(profiles, Encoding::proto);
  size_t taken = 0;
  for (size_t size = 0; size < proto.size(); ++size)
    taken += refusal(proto.substr(0, size), Encoding::proto, Errc::malformed) == "taken";
  EXPECT_EQ(taken, 1 + profiles.resources.size());
}

TEST(Codec, RefusesJsonOfOtherTypes) {
  const auto json = Encoding::json;
  EXPECT_THAT(refusal("", json, Errc::malformed), HasSubstr("not JSON"));
  EXPECT_THAT(refusal("[]", json, Errc::malformed), HasSubstr("not JSON"));
  EXPECT_THAT(refusal("{} {}", json, Errc::malformed), HasSubstr("follows the end"));
  EXPECT_NE(refusal(R"({"resourceProfiles":{}})", json, Errc::malformed), "taken");
  EXPECT_NE(refusal("{\"resourceProfiles\":[{\"schemaUrl\":\"\xff\"}]}", json, Errc::malformed), "taken");
  const auto stack = [](std::string index) {
    return R"({"dictionary":{"stackTable":[{"locationIndices":[)" + index + "]}]}}";
  };
  EXPECT_THAT(decoded(stack(R"(1.0, "2", 3e1, "-0")"), json).dictionary.locations_of(0),
              testing::ElementsAre(1, 2, 30, 0));
  for (const auto index : {"1.5", "\"\"", "\"1x\"", "2147483648", "true", "{}", "1e300", "-9223372036854775809"})
    EXPECT_THAT(refusal(stack(index), json, Errc::malformed), HasSubstr("not ")) << index;
  for (const auto id : {"\"0g\"", "\"0\"", "7"})
    EXPECT_NE(refusal(R"({"dictionary":{"linkTable":[{"traceId":)" + std::string(id) + "}]}}", json, Errc::malformed),
              "taken");
}

TEST(Codec, TakesNullForWhatIsNotThere) {
  const auto out = decoded(R"({"dictionary":null,"resourceProfiles":[{"resource":null,"schemaUrl":null,
                               "scopeProfiles":[{"scope":null,"profiles":[{"samples":null,"period":null}]}]}]})",
                           Encoding::json);
  EXPECT_EQ(out.resources.at(0).scopes.at(0).profiles.size(), 1u);
}

TEST(Codec, WritesMetricsAsTheSpecificationSays) {
  otel::Metrics metrics;
  auto& resource = metrics.resources.emplace_back();
  otel::set(resource.resource.attributes, "host.name", {std::string("h")});
  auto& scope = resource.scopes.emplace_back();
  scope.scope.name = "s";
  scope.metrics.push_back({.name = "a",
                           .description = "d",
                           .unit = "1",
                           .kind = otel::Metric::Kind::delta_sum,
                           .points = {{.start_time_ns = 1, .time_ns = 2, .value = 0}}});
  scope.metrics.push_back({.name = "b", .kind = otel::Metric::Kind::gauge, .points = {{.time_ns = 2, .value = -7}}});
  EXPECT_EQ(encode(metrics, Encoding::json),
            R"({"resourceMetrics":[{"resource":{"attributes":[{"key":"host.name","value":{"stringValue":"h"}}]},)"
            R"("scopeMetrics":[{"scope":{"name":"s"},"metrics":[{"name":"a","description":"d","unit":"1","sum":)"
            R"({"dataPoints":[{"startTimeUnixNano":"1","timeUnixNano":"2","asInt":"0"}],"aggregationTemporality":1,)"
            R"("isMonotonic":true}},{"name":"b","gauge":{"dataPoints":[{"timeUnixNano":"2","asInt":"-7"}]}}]}]}]})");
}

}  // namespace
}  // namespace splitprof::otlp
