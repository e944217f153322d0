// SPDX-License-Identifier: Apache-2.0
#include "processor/config/value.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "processor/config/redact.h"

namespace splitprof::config {
namespace {

using testing::HasSubstr;

struct Read {
  Problems problems;
  std::optional<Value> value;
};
Read read(std::string_view text) {
  Read out;
  out.value = read_yaml(text, out.problems.add_source("x"), out.problems);
  return out;
}
std::string errors(std::string_view text) {
  return read(text).problems.errors();
}
// As one line of flow style, which is enough to compare by.
std::string flat(const Value& value) {
  std::string out;
  switch (value.kind) {
    case Value::Kind::null:
      return "~";
    case Value::Kind::scalar:
      return value.quoted ? '"' + value.text + '"' : value.text;
    case Value::Kind::list:
      for (const auto& item : value.items) out += (out.empty() ? "" : ",") + flat(item);
      return "[" + out + "]";
    case Value::Kind::map:
      for (const auto& entry : value.entries) out += (out.empty() ? "" : ",") + entry.key + ":" + flat(entry.value);
      return "{" + out + "}";
  }
  return out;
}
std::string merged(std::string_view first, std::string_view second) {
  Value value = *read(first).value;
  merge(value, *read(second).value);
  return flat(value);
}

TEST(Yaml, BecomesATreeWithPlaces) {
  const auto got = read("a:\n  b: [1, 'x', ~]\n  c:\n");
  ASSERT_TRUE(got.value);
  EXPECT_EQ(flat(*got.value), "{a:{b:[1,\"x\",~],c:~}}");
  const auto* b = got.value->find("a")->value.find("b");
  EXPECT_EQ(b->place.line, 2u);
  EXPECT_EQ(b->place.column, 3u);
  EXPECT_EQ(b->value.items[1].place.column, 10u);
}

TEST(Yaml, AliasesAndMergedKeysAreFollowed) {
  EXPECT_EQ(flat(*read("a: &x {p: 1, q: 2}\nb: *x\nc: {<<: *x, q: 3}\n").value),
            "{a:{p:1,q:2},b:{p:1,q:2},c:{q:3,p:1}}");
  EXPECT_EQ(flat(*read("c: {<<: [{p: 1}, {p: 2, q: 2}]}\n").value), "{c:{p:1,q:2}}");
}

TEST(Yaml, AnEmptyDocumentIsNull) {
  for (const char* text : {"", "\n", "# only this\n", "---\n", "~", "\xef\xbb\xbf"})
    EXPECT_EQ(flat(*read(text).value), "~");
}

TEST(Yaml, SaysWhereItIsWrong) {
  EXPECT_EQ(errors("a: 1\nb: 2\na: 3\n"), "x:3:1: key \"a\" stands twice in the same map");
  EXPECT_EQ(errors("a: 1\n---\nb: 2\n"), "x:3:1: a second document; one file holds one, and --config can be repeated");
  EXPECT_EQ(errors("a: !!binary aGk=\n"), "x:1:4: tags as !!binary or !name are not understood here");
  EXPECT_EQ(errors("[a, b]: c\n"), "x:1:1: a key has to be a word, not a list or a map");
  EXPECT_EQ(errors(std::string_view("a: 1\nb: \0\n", 10)), "x:2:4: a byte of value 0, which no text has");
  EXPECT_EQ(errors("a: \xff\n"), "x:1:4: not UTF-8");
  EXPECT_EQ(errors("a: \xc0\x80\n"), "x:1:4: not UTF-8");
  EXPECT_EQ(errors("a: \xed\xa0\x80\n"), "x:1:4: not UTF-8");
  EXPECT_THAT(errors("a: [1\nb: 2\n"), HasSubstr("x:2:2: no valid YAML"));
}

TEST(Yaml, ErrorsHoldNothingOfTheDocument) {
  EXPECT_EQ(errors("password: *hunter2\n").find("hunter2"), std::string::npos);
  EXPECT_THAT(errors("password: *hunter2\n"), HasSubstr("x:1:11"));
  EXPECT_EQ(errors("password: \"\\qhunter2\"\n").find("hunter2"), std::string::npos);
}

TEST(Yaml, IsBounded) {
  std::string deep;
  for (int i = 0; i < 100'000; ++i) deep += "- ";
  EXPECT_THAT(errors(deep), HasSubstr("more than 32 levels"));
  EXPECT_THAT(errors(std::string(kMaxDocumentBytes + 1, ' ')), HasSubstr("bytes"));
  std::string many = "[";
  for (size_t i = 0; i <= kMaxValues; ++i) many += "a,";
  EXPECT_THAT(errors(many + "]"), HasSubstr("more than 10000 values"));
}

TEST(Yaml, AFewLinesOfAliasesAreNoBomb) {
  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 10; ++i) {
    const auto before = fmt::format("*a{}", i - 1);
    bomb += fmt::format("a{0}: &a{0} [{1}, {1}, {1}, {1}, {1}, {1}, {1}, {1}, {1}, {1}]\n", i, before);
  }
  EXPECT_THAT(errors(bomb), HasSubstr("more than 10000 values"));
  EXPECT_THAT(errors("a: &a [*a]\n"), HasSubstr("an alias stands within what it is an alias of"));
  std::string deep = "a0: &a0 [x]\n";
  for (int i = 1; i < 40; ++i) deep += fmt::format("a{0}: &a{0} [*a{1}]\n", i, i - 1);
  EXPECT_THAT(errors(deep), HasSubstr("more than 32 levels"));
}

TEST(Merge, MapsByEntryAndAllElseByTheLast) {
  EXPECT_EQ(merged("{a: {x: 1, y: 2}}", "{a: {y: 3, z: 4}, b: 5}"), "{a:{x:1,y:3,z:4},b:5}");
  EXPECT_EQ(merged("{a: [1, 2]}", "{a: [3]}"), "{a:[3]}");
  EXPECT_EQ(merged("{a: {x: 1}}", "{a: ~}"), "{a:~}");
  EXPECT_EQ(merged("{a: ~}", "{a: {x: 1}}"), "{a:{x:1}}");
  EXPECT_EQ(merged("{a: {x: 1}}", "{a: 2}"), "{a:2}");
}

TEST(SplitKeys, StandForNestedMaps) {
  Value value = *read("{'a::b::c': 1, 'a::d': 2, a: {b: {e: 3}}}").value;
  split_keys(value, "::");
  EXPECT_EQ(flat(value), "{a:{b:{c:1,e:3},d:2}}");
}

TEST(Redact, HidesWhatMayBeSecretWhereverItStands) {
  const std::string text = R"(
exporters:
  elasticsearch:
    endpoints: [ "https://u:hunter2@a:1", http://b ]
    endpoint: elastic:hunter2@c:9200
    password: hunter2
    api_key: [hunter2, {a: hunter2}]
    Passwrd_password: hunter2
    headers: {Authorization: hunter2, X-A: hunter2}
    proxy_url: http://u:hunter2@proxy:3128
    tls: {key_pem: "hunter2", key_file: /visible}
    list: "http://u:hunter2@a,http://u:hunter2@b/visible"
  other:
    headers: [{name: visible, value: hunter2}]
extensions:
  basicauth: {client_auth: {username: visible, password: hunter2, password_file: /visible}}
  bearertokenauth: {token: hunter2, scheme: visible}
)";
  Value value = *read(text).value;
  redact(value);
  const auto printed = print_yaml(value);
  EXPECT_EQ(printed.find("hunter2"), std::string::npos) << printed;
  size_t seen = 0;
  for (size_t at = printed.find("visible"); at != printed.npos; at = printed.find("visible", at + 1)) ++seen;
  EXPECT_EQ(seen, 6u) << printed;
  EXPECT_THAT(printed, HasSubstr("https://[REDACTED]@a:1"));
}

TEST(PrintYaml, ReadsBackAsTheSame) {
  const char* text =
      "{a: [1, \"1\", ~, \"\", 'x: y', \"a\\nb\"], b: {c: true, \"d e\": \"#\", \"f\\r\": \"\\r\"}, e: [], f: {}}";
  const auto value = *read(text).value;
  const auto again = read(print_yaml(value));
  ASSERT_TRUE(again.value) << again.problems.errors();
  EXPECT_EQ(flat(*again.value), flat(value));
}

}  // namespace
}  // namespace splitprof::config
