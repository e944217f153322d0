// SPDX-License-Identifier: Apache-2.0
//
// What is read out of single names: libraries, Go packages, JVM classes.
#include <gtest/gtest.h>
#include <re2/re2.h>

#include <random>
#include <string>
#include <utility>
#include <vector>

#include "processor/metrics/go_package.h"
#include "processor/metrics/jvm_class.h"
#include "processor/metrics/shlib_name.h"

namespace splitprof::metrics {
namespace {

using Cases = std::vector<std::pair<std::string, std::string>>;

TEST(ShlibName, Examples) {
  const Cases cases{
      {"libc.so.6", "libc"},
      {"/usr/lib/x86_64-linux-gnu/libstdc++.so.6.0.30", "libstdc++"},
      {"ld-linux-x86-64.so.2", "ld-linux-x86-64"},
      {"libpython3.12.so.1.0", "libpython3.12"},
      {"mod.cpython-312-x86_64-linux-gnu.so", "mod.cpython-312-x86_64-linux-gnu"},
      {"linux-vdso.1.so", "linux-vdso.1"},
      {"libfoo.so.so", "libfoo.so"},
      {"/opt/app.so/bin/main", "app"},
      {"foo.sock", "foo"},
      {"/memfd:x.so (deleted)", "memfd:x"},
      {"/lib/.so", "lib/"},
      {"/usr/bin/bash", ""},
      {"[vdso]", ""},
      {".so", ""},
      {"", ""},
  };
  for (const auto& [file, name] : cases) EXPECT_EQ(shlib_name(file), name) << file;
}

// The pattern that it stands for, over every text of up to seven of these pieces that a generator finds.
TEST(ShlibName, IsTheFirstGroupOfItsPattern) {
  const RE2 pattern("(?:.*/)?(.+)\\.so");
  const std::vector<std::string> pieces{"/", ".so", "a", "\n", ".", "s", "o", "b.so.1", "/x"};
  std::mt19937 random(1);
  for (int i = 0; i < 50'000; ++i) {
    std::string file;
    for (auto n = random() % 8; n > 0; --n) file += pieces[random() % pieces.size()];
    std::string wanted;
    RE2::PartialMatch(file, pattern, &wanted);
    ASSERT_EQ(shlib_name(file), wanted) << "'" << file << "'";
  }
}

TEST(GoPackage, Examples) {
  const Cases cases{
      {"main.main", "main"},
      {"runtime.(*mcache).refill", "runtime"},
      {"runtime.main.func1", "runtime"},
      {"net/http.(*conn).serve", "net/http"},
      {"example.org/shop/cart/v2.(*Cart).Add", "example.org/shop/cart/v2"},
      {"example.org/x/yaml%2ev3.Unmarshal", "example.org/x/yaml%2ev3"},
      {"slices.SortFunc[example.org/a/b.T]", "slices.SortFunc[example.org/a/b"},
      {"a/b", "a/b"},
      {"a.b/c", "a.b/c"},
      {"nodots", "nodots"},
      {".x", ""},
      {"", ""},
  };
  for (const auto& [function, package] : cases) EXPECT_EQ(go_package(function), package) << function;
}

TEST(JvmClass, Examples) {
  const Cases cases{
      {"int com.acme.pay.Ledger.post(java.lang.String, long)", "com.acme.pay.Ledger"},
      {"void com.acme.Outer$Inner.run()", "com.acme.Outer$Inner"},
      {"void com.acme.Job$$Lambda+<hidden>.accept(int)", "com.acme.Job$$Lambda+<hidden>"},
      {"java.lang.Object.<init>", "java.lang.Object"},
      {"Hello.main(java.lang.String[])", ".Hello"},
      {"vtable stub", ".stub"},
      {"StubRoutines (1)", ".StubRoutines"},
      {"\t void a.B.c \n", "a.B"},
      {"(", "."},
      {" ", "."},
      {"", "."},
  };
  for (const auto& [function, name] : cases) EXPECT_EQ(jvm_class(function), name) << function;
}

}  // namespace
}  // namespace splitprof::metrics
