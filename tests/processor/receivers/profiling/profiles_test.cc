// SPDX-License-Identifier: Apache-2.0
#include "processor/receivers/profiling/profiles.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>

#include "bpf/abi.h"
#include "processor/receivers/profiling/frame_types.h"

namespace splitprof {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
namespace key = otel::key;

class MadeUpSymbols final : public Symbolizer {
 public:
  std::map<Frame, std::vector<Symbol>> symbols;
  std::map<std::pair<Frame::Kind, uint32_t>, Module> modules;
  std::vector<Symbol> symbolize(const Frame& frame) const override {
    const auto found = symbols.find(frame);
    return found == symbols.end() ? std::vector<Symbol>() : found->second;
  }
  Module module(const Frame& frame) const override {
    const auto found = modules.find({frame.kind, frame.place});
    return found == modules.end() ? Module{} : found->second;
  }
};

constexpr char kHash[] = "00112233445566778899aabbccddeeff";
constexpr uint64_t kKernel = 0xffffffff81000000;

Frame native(uint32_t place, uint64_t address, bool return_address = false) {
  return {.kind = Frame::Kind::native, .return_address = return_address, .place = place, .address = address};
}
Frame kernel(uint64_t address, bool return_address = false) {
  return {.kind = Frame::Kind::kernel, .return_address = return_address, .place = 0, .address = address};
}
Frame marker(uint32_t place) {
  return {.kind = Frame::Kind::marker, .return_address = false, .place = place, .address = 3};
}

class ProfilesTest : public testing::Test {
 protected:
  ProfilesTest() {
    symbols.modules[{Frame::Kind::native, 1}] = {.path = "/usr/lib/libc.so.6", .build_id = "abcd", .htl_hash = kHash};
    symbols.modules[{Frame::Kind::native, 2}] = {.path = "/opt/not-opened (deleted)"};
    symbols.modules[{Frame::Kind::native, 3}] = {.path = "/bin/gopher", .htl_hash = kHash, .go = true};
    symbols.modules[{Frame::Kind::kernel, 0}] = {.path = "[kernel]", .start = kKernel};
  }

  void sample(std::vector<Frame> stack, uint64_t time_ns = 100, uint32_t tid = 7, std::string_view name = "worker",
              uint32_t cpu = 0, uint32_t pid = 42, uint16_t end = SP_COUNT_complete) {
    const auto resource = profile.intern_resource({.pid = pid, .process_name = "program"});
    profile.add(resource, stack, end, time_ns, 1, tid, name, cpu);
  }
  void make() { batch = make_profiles(profile, symbols, context); }

  const otel::Profile& only_profile() {
    EXPECT_EQ(batch.resources.size(), 1u);
    return batch.resources.at(0).scopes.at(0).profiles.at(0);
  }
  std::vector<const otel::Location*> locations_of(const otel::Sample& sample) {
    std::vector<const otel::Location*> found;
    for (const int32_t index : batch.dictionary.locations_of(sample.stack))
      found.push_back(batch.dictionary.location(index));
    return found;
  }
  const otel::Location& leaf() { return *locations_of(only_profile().samples.at(0)).at(0); }
  std::string text(int32_t index) { return std::string(batch.dictionary.strings[index]); }
  otel::Value value(std::span<const int32_t> attributes, std::string_view wanted) {
    for (const int32_t index : attributes)
      if (const auto* attribute = batch.dictionary.attribute(index); text(attribute->key) == wanted)
        return attribute->value;
    return {};
  }
  std::string type(const otel::Location& location) {
    return std::string(otel::text_of(value(batch.dictionary.attributes_of(location), key::kFrameType)));
  }
  std::string attribute(const otel::Mapping& mapping, std::string_view wanted) {
    return std::string(otel::text_of(value(batch.dictionary.attributes_of(mapping), wanted)));
  }
  std::vector<std::string> functions(const otel::Location& location) {
    std::vector<std::string> names;
    for (const auto& line : batch.dictionary.lines_of(location))
      names.push_back(text(batch.dictionary.function(line.function)->name));
    return names;
  }
  const otel::Mapping& mapping(const otel::Location& location) { return *batch.dictionary.mapping(location.mapping); }

  Profile profile{{.max_moments = 1000}};
  MadeUpSymbols symbols;
  ProfilesContext context{.clock = {.monotonic_ns = 50, .realtime_ns = 1'700'000'000'000'000'000, .boottime_ns = 60},
                          .hz = 20,
                          .begin_ns = 90,
                          .end_ns = 5'000'000'090};
  otel::Profiles batch;
};

TEST_F(ProfilesTest, TheFirstEntryOfEachTableIsEmpty) {
  make();
  EXPECT_TRUE(batch.resources.empty());
  EXPECT_EQ(text(0), "");
  EXPECT_EQ(batch.dictionary.strings.size(), 1u);
  EXPECT_EQ(batch.dictionary.mappings.size(), 1u);
  EXPECT_EQ(batch.dictionary.locations.size(), 1u);
  EXPECT_EQ(batch.dictionary.functions.size(), 1u);
  EXPECT_EQ(batch.dictionary.links.size(), 1u);
  EXPECT_EQ(batch.dictionary.attributes.size(), 1u);
  EXPECT_EQ(batch.dictionary.stacks.size(), 1u);
  EXPECT_THAT(batch.dictionary.locations_of(0), IsEmpty());
}

TEST_F(ProfilesTest, AProfileSaysWhatWasCountedHowOftenAndWhen) {
  sample({native(1, 0x10)}, 100);
  make();
  const auto& made = only_profile();
  EXPECT_EQ(text(made.sample_type.type), "samples");
  EXPECT_EQ(text(made.sample_type.unit), "count");
  EXPECT_EQ(text(made.period_type.type), "cpu");
  EXPECT_EQ(text(made.period_type.unit), "nanoseconds");
  EXPECT_EQ(made.period, 50'000'000);
  EXPECT_EQ(made.time_ns, 1'700'000'000'000'000'040u);
  EXPECT_EQ(made.duration_ns, 5'000'000'000u);
  EXPECT_EQ(batch.resources[0].scopes[0].scope.name, "splitprof");
}

TEST_F(ProfilesTest, HitsOfOneStackInOneThreadOnOneCpuAreOneSample) {
  const std::vector stack = {native(1, 0x10)};
  sample(stack, 300);
  sample(stack, 100);
  sample(stack, 200, 8);
  sample(stack, 400, 7, "renamed");
  sample(stack, 500, 7, "worker", 1);
  sample({native(1, 0x20)}, 600);
  make();
  const auto& made = only_profile();
  ASSERT_EQ(made.samples.size(), 5u);
  const auto& first = made.samples[0];
  constexpr uint64_t kZero = 1'700'000'000'000'000'000 - 50;
  EXPECT_THAT(otel::part_of(made.timestamps_ns, first.timestamps), ElementsAre(kZero + 100, kZero + 300));
  EXPECT_EQ(first.values.count, 0u) << "one for each time stamp, as it is on every on-CPU profile";
  const auto attributes = otel::part_of(made.indices, first.attributes);
  EXPECT_EQ(value(attributes, key::kThreadName), otel::Value{"worker"});
  EXPECT_EQ(value(attributes, key::kThreadId), otel::Value{int64_t{7}});
  EXPECT_EQ(value(attributes, key::kCpu), otel::Value{int64_t{0}});
  EXPECT_EQ(batch.sample_count(), 6u);
}

TEST_F(ProfilesTest, SamplesThatWaitedStretchTheTimeOfTheirProfile) {
  sample({native(1, 0x10)}, 20);
  make();
  EXPECT_EQ(only_profile().time_ns, 1'700'000'000'000'000'000u - 30) << "before the clock was told as well";
  EXPECT_EQ(only_profile().duration_ns, 5'000'000'070u);
}

TEST_F(ProfilesTest, NativeFramesHaveAddressesInTheirFile) {
  symbols.symbols[native(1, 0x1010)] = {{.function = "inner", .file = "a.h", .line = 3, .inlined = true},
                                        {.function = "outer", .file = "a.c", .line = 9}};
  sample({native(1, 0x1010), native(1, 0x2020, true)});
  make();
  const auto stack = locations_of(only_profile().samples[0]);
  ASSERT_EQ(stack.size(), 2u);
  EXPECT_EQ(type(*stack[0]), "native");
  EXPECT_EQ(stack[0]->address, 0x1010u);
  EXPECT_EQ(stack[1]->address, 0x201fu) << "of the call, not of the instruction after it";
  EXPECT_EQ(stack[0]->mapping, stack[1]->mapping);
  EXPECT_EQ(text(mapping(*stack[0]).filename), "libc.so.6");
  EXPECT_EQ(attribute(mapping(*stack[0]), key::kGnuBuildId), "abcd");
  EXPECT_EQ(attribute(mapping(*stack[0]), key::kHtlHash), kHash);
  EXPECT_THAT(functions(*stack[0]), ElementsAre("inner", "outer"));
  EXPECT_EQ(batch.dictionary.lines_of(*stack[0])[1].line, 9);
  EXPECT_EQ(text(batch.dictionary.function(batch.dictionary.lines_of(*stack[0])[1].function)->filename), "a.c");
  EXPECT_THAT(functions(*stack[1]), IsEmpty()) << "whoever gets it may find the name by the file's hash";
}

TEST_F(ProfilesTest, AFileThatNobodyCouldOpenIsToldByItsName) {
  sample({native(2, 0x1010)});
  make();
  EXPECT_EQ(text(mapping(leaf()).filename), "not-opened");
  EXPECT_EQ(attribute(mapping(leaf()), key::kHtlHash), "");
  EXPECT_THAT(functions(leaf()), ElementsAre("not-opened+0x1010"));
}

TEST_F(ProfilesTest, KernelFramesCountFromTheKernelsStart) {
  context.host.kernel_build_id = "8f3c2a1d5e6b7c8d9e0f11223344556677889900";
  symbols.symbols[kernel(kKernel + 0x2000, true)] = {{.function = "do_syscall_64"}};
  sample({kernel(kKernel + 0x1000), kernel(kKernel + 0x2000, true)});
  make();
  const auto stack = locations_of(only_profile().samples[0]);
  EXPECT_EQ(type(*stack[0]), "kernel");
  EXPECT_EQ(stack[0]->address, 0x1000u);
  EXPECT_EQ(stack[1]->address, 0x1fffu);
  EXPECT_EQ(text(mapping(*stack[1]).filename), "vmlinux");
  EXPECT_EQ(attribute(mapping(*stack[1]), key::kGnuBuildId), context.host.kernel_build_id);
  EXPECT_EQ(attribute(mapping(*stack[1]), key::kHtlHash), "67b20636f437c7d87d0956d53df80ea3");
  EXPECT_THAT(functions(*stack[1]), ElementsAre("do_syscall_64"));
}

TEST_F(ProfilesTest, ModulesHaveTheirOwnBuildIdAndBpfProgramsNoFile) {
  context.host.modules = {{"xfs", "0000"}, {"ext4", "1234567890abcdef12"}};
  symbols.modules[{Frame::Kind::kernel, 0}] = {.path = "[ext4]", .start = kKernel};
  sample({kernel(kKernel + 0x1000)});
  make();
  EXPECT_EQ(text(mapping(leaf()).filename), "ext4");
  EXPECT_EQ(attribute(mapping(leaf()), key::kGnuBuildId), "1234567890abcdef12");

  symbols.modules[{Frame::Kind::kernel, 0}] = {.path = "[bpf]", .start = kKernel + 0xff0};
  make();
  EXPECT_EQ(leaf().mapping, 0);
  EXPECT_EQ(leaf().address, 0x10u);
  EXPECT_EQ(type(leaf()), "kernel");
}

TEST_F(ProfilesTest, WhereTheKernelIsInMemoryIsNotToldWhenNobodyKnows) {
  symbols.modules[{Frame::Kind::kernel, 0}] = {.path = "[kernel]"};
  sample({kernel(kKernel + 0x1000)});
  make();
  EXPECT_EQ(leaf().address, 0u);
}

TEST_F(ProfilesTest, GoFunctionsAreToldFromTheCThatIsLinkedIn) {
  symbols.symbols[native(3, 0x10)] = {{.function = "main.work", .file = "/src/main.go"}};
  symbols.symbols[native(3, 0x20)] = {{.function = "memcpy", .file = "/src/memcpy.c"}};
  symbols.symbols[native(3, 0x30)] = {{.function = "runtime.goexit", .file = "/go/src/runtime/asm_amd64.s"}};
  sample({native(3, 0x10), native(3, 0x20), native(3, 0x30), native(3, 0x40), native(1, 0x10)});
  make();
  std::vector<std::string> types;
  for (const auto* location : locations_of(only_profile().samples[0])) types.push_back(type(*location));
  EXPECT_THAT(types, ElementsAre("go", "native", "go", "go", "native"));
}

TEST_F(ProfilesTest, FramesOfScriptsHaveNoMappingAndNoAddress) {
  const auto python = [](uint32_t function, uint32_t line) {
    return Frame{.kind = Frame::Kind::python, .return_address = false, .place = function, .address = line};
  };
  symbols.symbols[python(16, 42)] = {{.function = "Server.handle", .file = "/srv/app.py", .line = 42}};
  symbols.symbols[python(16, 43)] = {{.function = "Server.handle", .file = "/srv/app.py", .line = 43}};
  symbols.symbols[python(2, 0)] = {{.function = "[cpython: freed before it was named]"}};
  sample({python(16, 42), native(1, 0x10, true), python(2, 0), python(16, 43)});
  make();
  const auto stack = locations_of(only_profile().samples[0]);
  ASSERT_EQ(stack.size(), 4u);
  std::vector<std::string> shown;
  for (const size_t i : {0, 2, 3}) {
    EXPECT_EQ(stack[i]->mapping, 0);
    EXPECT_EQ(stack[i]->address, 0u);
    const auto lines = batch.dictionary.lines_of(*stack[i]);
    ASSERT_EQ(lines.size(), 1u);
    const auto& function = *batch.dictionary.function(lines[0].function);
    shown.push_back(type(*stack[i]) + " " + text(function.name) + " " + text(function.filename) + ":" +
                    std::to_string(lines[0].line));
  }
  EXPECT_THAT(shown,
              ElementsAre("cpython Server.handle /srv/app.py:42", "cpython [cpython: freed before it was named] :0",
                          "cpython Server.handle /srv/app.py:43"))
      << "the one without a name is a function that ran: it is there with and without send_error_frames";
  EXPECT_EQ(batch.dictionary.lines_of(*stack[0])[0].function, batch.dictionary.lines_of(*stack[3])[0].function);
}

TEST(FrameTypes, OfRuntimesAreThoseOfTheirList) {
#define SP_RUNTIME(number, name, type) EXPECT_EQ(frame_type(Frame::Kind::name), type);
#include "bpf/runtimes.def"
#undef SP_RUNTIME
}

TEST_F(ProfilesTest, AddressesOfMemoryWithoutAFileAreAllOne) {
  sample({{.kind = Frame::Kind::unknown, .address = 0x7f0000001000}}, 100);
  sample({{.kind = Frame::Kind::unknown, .address = 0x7f0000002000}}, 200);
  make();
  ASSERT_EQ(only_profile().samples.size(), 1u) << "in every process they are others";
  EXPECT_EQ(type(leaf()), "native");
  EXPECT_EQ(leaf().mapping, 0);
  EXPECT_THAT(functions(leaf()), ElementsAre("[unknown]"));
}

TEST_F(ProfilesTest, MarkersAreThereWhenTheyAreAskedFor) {
  sample({native(1, 0x10), marker(Marker::kGap), native(1, 0x20, true), marker(SP_COUNT_stale_list)}, 100, 7, "worker",
         0, 42, SP_COUNT_stale_list);
  sample({marker(SP_COUNT_denied)}, 200, 7, "worker", 0, 42, SP_COUNT_denied);
  make();
  ASSERT_EQ(only_profile().samples.size(), 2u);
  EXPECT_EQ(only_profile().samples[0].stack, 0) << "nothing is left: the empty stack, which still counts";
  EXPECT_EQ(locations_of(only_profile().samples[1]).size(), 2u);
  EXPECT_EQ(batch.sample_count(), 2u);

  context.send_error_frames = true;
  make();
  std::vector<std::string> stack;
  for (const auto* location : locations_of(only_profile().samples[0]))
    stack.push_back(type(*location) + (functions(*location).empty() ? "" : ":" + functions(*location)[0]));
  EXPECT_THAT(stack, ElementsAre("native", "abort-marker:gap", "native", "abort-marker:stale_list"));
}

TEST_F(ProfilesTest, AResourceIsAProcess) {
  sample({native(1, 0x10)}, 100, 7, "worker", 0, 42);
  sample({native(1, 0x10)}, 200, 9, "worker", 0, 43);
  sample({native(1, 0x10)}, 300, 7, "worker", 0, 42);
  // The same process as 43, described only now, but for its start: another process.
  const auto later = profile.intern_resource({.pid = 43, .start_time_ns = 5, .process_name = "program"});
  profile.add(later, std::vector{native(1, 0x10)}, SP_COUNT_complete, 400, 1, 9, "worker", 0);
  context.host.host_name = "here";
  make();
  ASSERT_EQ(batch.resources.size(), 3u);
  std::vector<int64_t> pids;
  for (const auto& resource : batch.resources) {
    pids.push_back(std::get<int64_t>(otel::find(resource.resource.attributes, "process.pid")->v));
    EXPECT_EQ(otel::text_of(*otel::find(resource.resource.attributes, "host.name")), "here");
  }
  EXPECT_THAT(pids, ElementsAre(42, 43, 43));
}

TEST_F(ProfilesTest, AProcessThatWasRenamedIsStillOneResource) {
  for (const char* name : {"sh", "python3"}) {
    const auto resource = profile.intern_resource({.pid = 42, .process_name = name, .executable_path = "/bin/python3"});
    profile.add(resource, std::vector{native(1, 0x10)}, SP_COUNT_complete, 100, 1, 42, name, 0);
  }
  make();
  EXPECT_EQ(batch.resources.size(), 1u);
}

TEST_F(ProfilesTest, HostileNamesAreMadeFitToBeSent) {
  symbols.symbols[native(1, 0x10)] = {{.function = "a\n\xff", .file = "\xc3"}};
  sample({native(1, 0x10)}, 100, 7, "x\x1b[31m");
  make();
  EXPECT_THAT(functions(leaf()), ElementsAre("a??"));
  const auto& made = only_profile();
  EXPECT_EQ(value(otel::part_of(made.indices, made.samples[0].attributes), key::kThreadName), otel::Value{"x?[31m"});
}

// Every sample is there once, with its stack, thread, CPU and time; tables hold nothing twice; every index is right.
TEST(Profiles, KeepEverySample) {
  for (uint32_t seed = 0; seed < 30; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    Profile profile({.max_threads = 40, .max_moments = 3000});
    MadeUpSymbols symbols;
    std::multiset<std::tuple<uint32_t, uint64_t, uint32_t, uint64_t>> expected;  // pid, leaf, cpu, time
    const size_t samples = random() % 4000;
    for (size_t i = 0; i < samples; ++i) {
      const uint32_t pid = random() % 7, tid = random() % 10, cpu = random() % 4;
      std::vector<Frame> stack(1 + random() % 4);
      for (auto& frame : stack) frame = native(1 + random() % 3, random() % 20);
      const auto resource = profile.intern_resource({.pid = pid});
      const auto kept = profile.moments().size();
      profile.add(resource, stack, SP_COUNT_complete, i + 1, 1, tid, tid % 2 == 0 ? "a" : "b", cpu);
      if (profile.moments().size() != kept) expected.emplace(pid, stack[0].address, cpu, i + 1);
    }
    EXPECT_EQ(profile.samples(), samples);
    EXPECT_EQ(profile.moments().size() + profile.moments_dropped(), samples);
    EXPECT_EQ(profile.moments_dropped(), samples > 3000 ? samples - 3000 : 0);

    const auto batch = make_profiles(profile, symbols, {.hz = 97});
    EXPECT_EQ(batch.sample_count(), expected.size());
    std::multiset<std::tuple<uint32_t, uint64_t, uint32_t, uint64_t>> found;
    for (const auto& resource : batch.resources) {
      const auto pid = std::get<int64_t>(otel::find(resource.resource.attributes, "process.pid")->v);
      const auto& made = resource.scopes.at(0).profiles.at(0);
      std::set<std::pair<int32_t, std::vector<int32_t>>> known;
      for (const auto& sample : made.samples) {
        const auto attributes = otel::part_of(made.indices, sample.attributes);
        EXPECT_TRUE(known.emplace(sample.stack, std::vector(attributes.begin(), attributes.end())).second)
            << "one sample for each stack of a thread on a CPU";
        const auto locations = batch.dictionary.locations_of(sample.stack);
        ASSERT_FALSE(locations.empty());
        const auto* cpu = batch.dictionary.attribute(attributes.back());
        ASSERT_NE(cpu, nullptr);
        for (const uint64_t time_ns : otel::part_of(made.timestamps_ns, sample.timestamps))
          found.emplace(static_cast<uint32_t>(pid), batch.dictionary.location(locations[0])->address,
                        static_cast<uint32_t>(std::get<int64_t>(cpu->value.v)), time_ns);
      }
    }
    EXPECT_EQ(found, expected);
    std::set<std::string_view> strings;
    for (size_t i = 0; i < batch.dictionary.strings.size(); ++i)
      EXPECT_TRUE(strings.insert(batch.dictionary.strings[static_cast<int32_t>(i)]).second) << "twice";
  }
}

}  // namespace
}  // namespace splitprof
