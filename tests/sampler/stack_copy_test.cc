// SPDX-License-Identifier: Apache-2.0
//
// Stack copies and exec records as BPF writes them on the live kernel: the programs attached, no sampler in between.
// The oracle is the sampled process itself, which stands still at a known instruction with a known stack.
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "processor/unwind/host_env.h"
#include "sampler/opener/deny.h"
#include "sampler/perf_events.h"
#include "sampler/programs.h"
#include "tests/bpf/host_world.h"
#include "tests/sampler/child.h"

namespace splitprof {
namespace {

constexpr uint32_t kHz = 499;
constexpr uid_t kTargetUid = 54322;

// Spins for ever with a stack that nobody changes any more.
extern "C" [[gnu::noinline]] void stand_still() {
  asm volatile(
      ".globl splitprof_test_spin\n"
      "splitprof_test_spin: pause\n jmp splitprof_test_spin");
}

extern "C" [[gnu::noinline]] uint64_t descend(int depth) {
  volatile uint64_t local = depth;
  if (depth == 0)
    stand_still();
  else
    local = descend(depth - 1) + 1;
  return local;
}

struct Sample {
  sp_sample head;
  std::vector<uint64_t> registers;
  std::vector<std::byte> stack;
};

Sample decode(const sp_sample& head) {
  const auto* at = reinterpret_cast<const std::byte*>(&head + 1);
  at += std::min<size_t>(head.n_cells, SP_MAX_CELLS) * sizeof(sp_cell) + size_t{head.n_kernel} * 8;
  Sample sample{.head = head};
  sample.registers.resize(head.n_registers);
  std::memcpy(sample.registers.data(), at, head.n_registers * 8);
  at += head.n_registers * 8;
  sample.stack.assign(at, at + head.stack_bytes);
  return sample;
}

class StackCopy : public ::testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "needs root, for BPF";
    programs_.emplace(Programs::Options{});
    ring_ = ring_buffer__new(programs_->ring_fd(), on_record, this, nullptr);
    ASSERT_NE(ring_, nullptr);
  }
  void TearDown() override { ring_buffer__free(ring_); }

  // Samples for so long; keeps what belongs to `pid`.
  void watch(pid_t pid, int milliseconds, uint32_t hz = kHz) {
    watched_ = pid;
    PerfEvents events(programs_->sample_fd());
    events.configure(hz, {}, false);
    for (int i = 0; i < milliseconds / 10; ++i) {
      usleep(10'000);
      ring_buffer__consume(ring_);
    }
    events.configure(0, {}, false);
    ring_buffer__consume(ring_);
  }
  uint64_t counter(sp_count number) const { return programs_->counters()[number]; }
  std::vector<Sample> with_copy() const {
    std::vector<Sample> found;
    for (const auto& sample : samples_)
      if (!sample.stack.empty()) found.push_back(sample);
    return found;
  }

  static int on_record(void* self, void* data, size_t) {
    auto& test = *static_cast<StackCopy*>(self);
    const auto* sample = static_cast<const sp_sample*>(data);
    if (sample->kind == SP_RECORD_SAMPLE && sample->pid == static_cast<uint32_t>(test.watched_))
      test.samples_.push_back(decode(*sample));
    if (sample->kind == SP_RECORD_EXEC) test.execs_.push_back(*static_cast<const sp_exec*>(data));
    return 0;
  }

  std::optional<Programs> programs_;
  ring_buffer* ring_ = nullptr;
  pid_t watched_ = 0;
  std::vector<Sample> samples_;
  std::vector<sp_exec> execs_;
};

std::vector<std::byte> memory_of(pid_t pid, uint64_t address, size_t bytes) {
  std::vector<std::byte> memory(bytes);
  const int fd = open(("/proc/" + std::to_string(pid) + "/mem").c_str(), O_RDONLY);
  const ssize_t got = pread(fd, memory.data(), bytes, static_cast<off_t>(address));
  close(fd);
  memory.resize(std::max<ssize_t>(got, 0));
  return memory;
}

uint64_t end_of_stack(pid_t pid) {
  std::ifstream maps("/proc/" + std::to_string(pid) + "/maps");
  for (std::string line; std::getline(maps, line);)
    if (line.ends_with("[stack]")) return std::stoull(line.substr(line.find('-') + 1), nullptr, 16);
  return 0;
}

// BPF reads what is in memory. The kernel may have taken pages away that nobody used for long, those with the
// environment first: reading brings them back.
void touch_the_stack() {
  volatile char here = 0;
  const auto* from = &here;
  const auto* end = reinterpret_cast<const volatile char*>(end_of_stack(getpid()));
  for (; from < end; from += 1024) (void)*from;
}

TEST_F(StackCopy, HoldsWhatTheStackHoldsFromTheStackPointerToItsEnd) {
  const Child child([] {
    touch_the_stack();
    descend(20);
  });
  watch(child.pid, 400);
  const auto copies = with_copy();
  ASSERT_GT(copies.size(), 10u);
  const uint64_t end = end_of_stack(child.pid);
  size_t in_place = 0;
  for (const auto& copy : copies) {
    EXPECT_EQ(copy.head.end, SP_COUNT_unknown_process);
    ASSERT_EQ(copy.registers.size(), size_t{SP_N_REGISTERS});
    EXPECT_EQ(copy.registers[SP_REGISTER_SP], copy.head.stack_address);
    if (copy.registers != copies.back().registers) continue;  // on its way down
    ++in_place;
    const uint64_t wanted = std::min<uint64_t>(end - copy.head.stack_address, SP_MAX_STACK_BYTES);
    EXPECT_EQ(copy.stack.size(), wanted);
    EXPECT_TRUE(copy.stack == memory_of(child.pid, copy.head.stack_address, wanted));
  }
  EXPECT_GT(in_place, 5u);
}

TEST_F(StackCopy, IsEnoughToWalkToTheOutermostFrame) {
  const Child child([] {
    touch_the_stack();
    descend(40);
  });
  watch(child.pid, 300);
  const auto copies = with_copy();
  ASSERT_FALSE(copies.empty());
  const auto& copy = copies.back();
  // The child is a fork of this process: mappings and files are the same.
  HostWorld world;
  auto walk = std::make_unique<sp_walk>();
  world.set_mappings(*walk, world.own_mappings());
  world.memory.push_back({copy.head.stack_address, copy.stack});
  std::copy(copy.registers.begin(), copy.registers.end(), walk->registers);
  walk->pc = copy.registers[SP_REGISTER_PC];
  walk->sp = copy.registers[SP_REGISTER_SP];
  walk->fp = copy.registers[SP_REGISTER_FP];
  walk->exact = walk->registers_known = 1;
  walk_on_host(*walk, world);
  if (copy.head.stack_address + SP_MAX_STACK_BYTES < end_of_stack(child.pid))
    GTEST_SKIP() << "gtest's stack is too deep";
  EXPECT_EQ(walk->sample.end, SP_COUNT_complete);
  EXPECT_GT(walk->sample.n_cells, 41u);
}

TEST_F(StackCopy, IsNeverLongerThanItsBound) {
  const Child child([] {
    volatile char deep[8 * SP_MAX_STACK_BYTES];
    for (size_t i = 0; i < sizeof(deep); i += 512) deep[i] = 1;
    descend(2);
    deep[0] = 2;
  });
  watch(child.pid, 300);
  const auto copies = with_copy();
  ASSERT_FALSE(copies.empty());
  EXPECT_EQ(copies.back().stack.size(), size_t{SP_MAX_STACK_BYTES});
  EXPECT_TRUE(copies.back().stack == memory_of(child.pid, copies.back().head.stack_address, SP_MAX_STACK_BYTES));
}

TEST_F(StackCopy, IsRationedPerProcessAndCounted) {
  const Child child([] { descend(2); });
  watch(child.pid, 2000, 997);
  ASSERT_GT(samples_.size(), 300u);
  const double seconds = (samples_.back().head.time_ns - samples_.front().head.time_ns) / 1e9;
  const double most = SP_COPY_PROCESS_BURST + 1 + seconds * 1e9 / SP_COPY_PROCESS_TOKEN_NS;
  EXPECT_LE(with_copy().size(), most);
  EXPECT_GE(with_copy().size(), std::min<double>(0.9 * most, SP_COPY_CPU_BURST / 2));
  EXPECT_GT(counter(SP_COUNT_stack_copies_limited_process), 0u);
  for (const auto& sample : samples_) EXPECT_EQ(sample.stack.empty(), sample.registers.empty());
}

TEST_F(StackCopy, OfADeniedProcessThereIsNone) {
  const uint32_t denied = kTargetUid;
  const uint8_t present = 1;
  ASSERT_EQ(bpf_map_update_elem(programs_->deny_uids_fd(), &denied, &present, BPF_ANY), 0);
  const Child child([] {
    if (setresuid(kTargetUid, kTargetUid, kTargetUid) == 0) descend(2);
  });
  usleep(20'000);
  watch(child.pid, 400);
  ASSERT_GT(samples_.size(), 20u);
  for (const auto& sample : samples_) {
    EXPECT_TRUE(sample.head.flags & SP_SAMPLE_DENIED);
    EXPECT_TRUE(sample.registers.empty() && sample.stack.empty());
  }
}

// Runs a program and returns BPF's record of it.
class ExecRecord : public StackCopy {
 protected:
  std::optional<sp_exec> exec_of(const std::string& program) {
    execs_.clear();
    const pid_t child = fork();
    if (child == 0) {
      execl(program.c_str(), "true", nullptr);
      _exit(127);
    }
    int status = 0;
    waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
    ring_buffer__consume(ring_);
    for (const auto& exec : execs_)
      if (exec.pid == static_cast<uint32_t>(child)) return exec;
    return std::nullopt;
  }
  // What the sampler's opener will hold it against.
  void expect_named_like(const std::string& program) {
    const auto exec = exec_of(program);
    ASSERT_TRUE(exec);
    DenyList list;
    ASSERT_TRUE(add_deny_rule(list, "exe=" + program));
    EXPECT_EQ(exec->inode, list.executables[0].inode);
    EXPECT_EQ(exec->device, list.executables[0].device);
  }
};

TEST_F(ExecRecord, NamesTheExecutableAsItsFileSystemDoes) {
  expect_named_like("/bin/true");
}

TEST_F(ExecRecord, NamesTheExecutableOfAnOverlay) {
  char root[] = "/tmp/splitprof-overlay-XXXXXX";
  ASSERT_NE(mkdtemp(root), nullptr);
  const std::string base = root;
  ASSERT_EQ(mount("tmpfs", root, "tmpfs", 0, nullptr), 0) << strerror(errno);
  for (const char* folder : {"/lower", "/upper", "/scratch", "/merged"}) mkdir((base + folder).c_str(), 0755);
  std::filesystem::copy_file("/bin/true", base + "/lower/below");
  const std::string options = "lowerdir=" + base + "/lower,upperdir=" + base + "/upper,workdir=" + base + "/scratch";
  const bool mounted = mount("overlay", (base + "/merged").c_str(), "overlay", 0, options.c_str()) == 0;
  if (mounted) {
    std::filesystem::copy_file("/bin/true", base + "/merged/above");
    expect_named_like(base + "/merged/below");
    expect_named_like(base + "/merged/above");
    umount((base + "/merged").c_str());
  }
  umount(root);
  rmdir(root);
  if (!mounted) GTEST_SKIP() << "this kernel has no overlay";
}

}  // namespace
}  // namespace splitprof
