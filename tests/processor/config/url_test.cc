// SPDX-License-Identifier: Apache-2.0
#include "processor/config/url.h"

#include <gtest/gtest.h>

namespace splitprof::config {
namespace {

TEST(Url, IsTakenApart) {
  const auto url = parse_url("HTTPS://us%40er:p%2Fw:x@es.example.com:9243/a/b/?pipeline=x&y=1");
  ASSERT_TRUE(url);
  EXPECT_EQ(url->scheme, "https");
  EXPECT_EQ(url->user, "us@er");
  EXPECT_EQ(url->password, "p/w:x");
  EXPECT_EQ(url->host, "es.example.com");
  EXPECT_EQ(url->port, "9243");
  EXPECT_EQ(url->query, "pipeline=x&y=1");
  EXPECT_EQ(url->endpoint(), "https://es.example.com:9243/a/b");
  EXPECT_EQ(parse_url("http://[2001:db8::1]:9200")->endpoint(), "http://[2001:db8::1]:9200");
  EXPECT_EQ(parse_url("http://h?q")->query, "q");
}

TEST(Url, WithoutASchemeHasNone) {
  EXPECT_EQ(parse_url("localhost:9200")->scheme, "");
  EXPECT_EQ(parse_url("")->scheme, "");
}

TEST(Url, RefusesWhatNamesNoServer) {
  for (const char* bad : {"http://", "http:///path", "http://:9200", "http://a b", "http://a\n", "http://h:99999",
                          "http://h:x", "http://h#f", "http://[::1", "http://[]", "http://h%41", "http://u%0@h",
                          "http://u%zz@h", "http://u%00@h", "http://h:1:2", "http://\"h\""})
    EXPECT_FALSE(parse_url(bad)) << bad;
}

TEST(Url, WhatIsShownHoldsNoPassword) {
  EXPECT_EQ(shown_url("https://u:pass@h:1/x"), "https://[REDACTED]@h:1/x");
  EXPECT_EQ(shown_url("https://u:pa@ss/w#rd@h"), "https://[REDACTED]@h");
  EXPECT_EQ(shown_url("u:pass@h"), "[REDACTED]@h");
  EXPECT_EQ(shown_url("https://h/"), "https://h/");
}

TEST(Address, HasAHostAndAPort) {
  EXPECT_EQ(parse_address("localhost:4318")->host, "localhost");
  EXPECT_EQ(parse_address("[::1]:0")->host, "::1");
  EXPECT_EQ(parse_address("[::1]:65535")->port, 65535);
  EXPECT_EQ(parse_address(":4318")->host, "");
  for (const char* bad : {"", "localhost", "4318", "h:", "h:x", "h:65536", "h:-1", "::1:4318", "http://h:1", "a b:1"})
    EXPECT_FALSE(parse_address(bad)) << bad;
}

}  // namespace
}  // namespace splitprof::config
