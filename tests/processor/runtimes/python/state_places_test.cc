// SPDX-License-Identifier: Apache-2.0
//
// Accessors of a thread's own variable, compiled for each way that x86-64 knows: what their code says has to lead to
// the variable in this very process.
#include <dlfcn.h>
#include <gtest/gtest.h>
#include <pthread.h>

#include <sstream>

#include "processor/elf/local_file.h"
#include "processor/runtimes/python/thread_state.h"
#include "tests/processor/runtimes/memory_reader.h"

namespace splitprof {
namespace {

std::vector<std::string> models() {
  std::vector<std::string> found;
  std::istringstream names(SPLITPROF_TLS_MODELS);
  for (std::string name; std::getline(names, name, ',');) found.push_back(name);
  return found;
}

constexpr PythonVersion k314{.major = 3, .minor = 14, .micro_known = true};

class TlsModel : public ::testing::TestWithParam<std::string> {};

TEST_P(TlsModel, LeadsToTheVariable) {
  const std::string path = SPLITPROF_TEST_FOLDER "/tls_" + GetParam() + ".so";
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  ASSERT_NE(library, nullptr) << dlerror();
  auto* set = reinterpret_cast<void (*)(void*)>(dlsym(library, "tls_set"));
  ASSERT_NE(set, nullptr);
  int something = 0;
  set(&something);
  Dl_info info{};
  ASSERT_NE(dladdr(reinterpret_cast<const void*>(set), &info), 0);
  const auto bias = reinterpret_cast<uint64_t>(info.dli_fbase);

  const auto file = LocalFile::open_path(path.c_str());
  ASSERT_TRUE(file);
  const auto elf = ElfFile::open(**file);
  ASSERT_TRUE(elf);
  constexpr std::string_view names[] = {"_PyThreadState_GetCurrent"};
  const auto found = find_exported(*elf, names);
  ASSERT_TRUE(found && (*found)[0]);
  PythonSymbols symbols;
  symbols.current_state[0] = (*found)[0];
  const auto places = find_thread_state(*elf, symbols, k314);
  ASSERT_TRUE(places) << places.error().message;

  const auto own_memory = LocalFile::open_path("/proc/self/mem");
  ASSERT_TRUE(own_memory);
  ProcessMemory memory(**own_memory);
  const auto tls = resolve_tls(*places, bias, memory);
  ASSERT_TRUE(tls) << tls.error().message;
  const testing::MemoryReader reader(**own_memory, pthread_self());
  EXPECT_EQ(reader.thread_local_word(*tls), reinterpret_cast<uint64_t>(&something));
  dlclose(library);
}

INSTANTIATE_TEST_SUITE_P(Compiled, TlsModel, ::testing::ValuesIn(models()), [](const auto& test) {
  std::string name = test.param;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
});

TEST(ThreadState, WithoutAnAccessorTheTableStandsIn) {
  MemoryFile nothing({});
  const auto file = LocalFile::open_path(SPLITPROF_TEST_FOLDER "/tls_global-dynamic.so");
  ASSERT_TRUE(file);
  const auto elf = ElfFile::open(**file);
  ASSERT_TRUE(elf);
  PythonSymbols symbols;
  EXPECT_FALSE(find_thread_state(*elf, symbols, k314)) << "neither code nor _PyRuntime";
  symbols.runtime = NamedSymbol{.address = ElfAddress(0x10000)};
  const auto places = find_thread_state(*elf, symbols, {.major = 3, .minor = 8});
  ASSERT_TRUE(places);
  EXPECT_EQ(places->key, (FilePlace{.base = ElfAddress(0x10000), .offset = 1392 + 4}));
  EXPECT_EQ(places->holder, (FilePlace{.base = ElfAddress(0x10000), .offset = 1368}));
}

}  // namespace
}  // namespace splitprof
